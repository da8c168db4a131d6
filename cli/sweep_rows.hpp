// A sweep's configurations as rows: CSV with a heading, or JSON Lines.
//
// The first column is the number of the configuration in its grid. Columns of a machine's parameter
// are in its base unit (B/s, FLOP/s, s, B); utps and stps in tokens/s. What does not fit has no
// figures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/sweep/evaluator.hpp"

namespace limen::cli {

// A figure by its column's name.
struct Metric {
  const char* name;
  double (model::Figures::*values)[model::Figures::room];
  bool needs_fit;  // there is none for what does not fit
};
extern const std::vector<Metric> metrics;

// For one thread; appends rows of consecutive configurations.
class Rows {
 public:
  Rows(const model::Grid& grid, bool json);

  std::string heading() const;  // CSV: the first line; JSON: nothing

  // Goes to a configuration; then append() adds the row of one and moves on to the next, skip()
  // only moves on.
  void seek(std::uint64_t index);
  void append(const model::Figures& figures, std::size_t i, std::string& out);
  void skip();

 private:
  void refresh_prefix();

  const model::Grid& grid_;
  bool json_;
  model::Odometer at_;
  std::uint64_t index_ = 0;
  std::vector<std::string> names_;               // of all axes, in order
  std::vector<std::vector<std::string>> cells_;  // of each axis but the draws; with its opening
  std::vector<std::string> openings_;            // of the columns of figures
  std::string prefix_;                           // the cells of all axes but batch and context
};

}  // namespace limen::cli
