// When to stop sampling a case: a rule on numbers, without a clock of its own.
//
// A case is settled when the 95 % interval of its median is narrow enough, from enough samples of
// enough visits: the visits matter because samples of one visit share the machine's mood. It ends
// unsettled when its time is used up.
#pragma once

#include <cstddef>
#include <string>

#include "results/measurement.hpp"

namespace limen::probes {

struct StopOptions {
  double relative_error = 0.02;  // half the interval's width over the median
  std::size_t least_samples = 10;
  std::size_t least_visits = 4;
  double most_seconds = 10;  // spent sampling the case
};

class StopRule {
 public:
  explicit StopRule(const StopOptions& options) : options_(options) {}

  // Empty: go on. Else why to stop: "settled" or "time budget".
  std::string decide(const results::Samples& samples, double seconds_spent) const;

 private:
  StopOptions options_;
};

}  // namespace limen::probes
