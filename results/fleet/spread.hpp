// How the values of many nodes lie, and how far off one has to be before chance does not explain
// it.
#pragma once

#include <vector>

#include "results/statistics.hpp"

namespace limen::results::fleet {

// Of one figure over nodes, in its unit.
struct Distribution {
  std::size_t n = 0;
  double median = 0;
  Interval interval;  // 95 %, of the median
  double mad = 0;     // median absolute deviation, not scaled
  double p5 = 0, p25 = 0, p75 = 0, p95 = 0;
  std::vector<double> modes;  // of two separated groups of nodes; else empty
};
// Error if there is no value.
Distribution distribution(std::vector<double> values);

// Standard deviation of the bulk of the values, whatever a minority of them does, 1/2 of them at
// most. Up to 64 values: Qn (Rousseeuw and Croux 1993: the first quartile of all differences),
// which learns more from few; beyond, the MAD.
double robust_scale(const std::vector<double>& values);

// A robust z-score beyond this has probability `tail` in a sample of n normal values: Student's t
// with the degrees of freedom that n values are worth to robust_scale.
double alarm_score(std::size_t n, double tail);

// P(t > x) of Student's t, x >= 0. `freedom` need not be whole.
double student_tail(double x, double freedom);

}  // namespace limen::results::fleet
