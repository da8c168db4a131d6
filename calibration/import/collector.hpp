// What a reader found in a file, on its way into a run: cases with their figures, and what the file
// says about where they come from.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "calibration/import/source.hpp"
#include "results/store.hpp"

namespace limen::calibration::importing {

// A case: what limen's own probe would have written for the same question, or, where no probe asks
// it, a name that begins with the tool's.
struct About {
  std::string probe;
  results::Parameters parameters;
  model::Work work;  // of one execution
};

// Error unless it lies between 0.1 ps and a year.
void check_time(double seconds, const std::string& probe, const Place& place);

class Collector {
 public:
  // Facts of the file; empty: it does not say.
  std::string version;  // of the tool
  std::string device;   // what was measured, as the tool names it
  std::string host, cpu_model, started;
  std::vector<std::string> notes;  // for the user

  // Figures taken back to back, in seconds of one execution, each a mean of `inner` executions. A
  // case that appears again, further down or in another file, is another visit. Errors as of
  // check_time.
  void add(const About& about, const std::vector<double>& seconds, std::int64_t inner,
           const Place& place);
  void skip(const About& about, const std::string& reason);
  void invalidate(const About& about, const std::string& reason);
  void invalidate_all(const std::string& reason);  // that this collector holds

  bool empty() const { return measurements_.empty(); }
  std::vector<results::Measurement> take() { return std::move(measurements_); }

 private:
  results::Measurement& of(const About& about);

  std::vector<results::Measurement> measurements_;
  std::map<std::pair<std::string, results::Parameters>, std::size_t> index_;
};

// A count of bytes or of anything else as it goes into parameters and work.
inline model::Work moves(double read, double written, double flops = 0) {
  return {model::bytes(read), model::bytes(written), model::flops(flops)};
}

}  // namespace limen::calibration::importing
