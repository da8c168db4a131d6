// A fleet against an earlier one of the same hosts: each host with itself, so that what differs
// among hosts does not hide what changed over time.
#pragma once

#include <string>
#include <vector>

#include "results/fleet/outliers.hpp"

namespace limen::results::fleet {

struct FigureDrift {
  Figure figure;
  std::size_t n = 0;        // hosts that have it in both
  double ratio = 1;         // now over then, median over hosts, in the figure's unit
  Interval interval{1, 1};  // 95 %, by order statistics
  double p = 1;             // sign test, two-sided
  double holm_p = 1;        // adjusted for all figures of the group
  // The interval and the test both say so.
  bool significant() const { return holm_p < 0.05 && (interval.low > 1 || interval.high < 1); }
  bool better() const { return more_is_better(figure.unit) ? ratio > 1 : ratio < 1; }
};

struct GroupDrift {
  std::string cpu, gpu;
  std::vector<FigureDrift> figures;
  // Hosts that changed otherwise than the rest: judged as nodes of a fleet whose figures are the
  // ratios now over then.
  Group ratios;
  Judgement hosts;
};

struct Drift {
  std::vector<GroupDrift> groups;
  std::vector<std::string> gone, added;     // hosts of one fleet alone
  std::vector<std::string> other_hardware;  // hosts whose models are not those of then
};

Drift drift(const Fleet& now, const Fleet& then);

// P of a split of n at least as uneven as (k, n - k) when both sides are equally likely.
double sign_test(std::size_t k, std::size_t n);

}  // namespace limen::results::fleet
