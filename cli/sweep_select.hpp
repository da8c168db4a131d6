// Which configurations of a sweep are wanted: --select "fits,utps>=1000,binding_limit=compute".
#pragma once

#include <string>
#include <vector>

#include "cli/sweep_rows.hpp"

namespace limen::cli {

class Selection {
 public:
  Selection() = default;
  explicit Selection(const std::string& conditions);  // Error

  bool keeps(const model::Figures& f, std::size_t i) const;
  const std::string& text() const { return text_; }

 private:
  struct Bound {
    const Metric* metric;
    double low, high;  // inclusive
  };
  std::string text_;
  bool fits_ = false;
  std::vector<Bound> bounds_;
  std::vector<model::Limit> limits_;  // any of them; empty: whatever
};

// The metric of that name. Error with a suggestion; `where` begins its line.
const Metric& metric_of(const std::string& name, const std::string& where);

}  // namespace limen::cli
