// Robust statistics of samples: medians with non-parametric intervals that know that samples of one
// visit are alike.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "results/measurement.hpp"

namespace limen::results {

struct Interval {
  double low = 0, high = 0;

  // What too few samples say: nothing.
  static constexpr Interval unknown() { return {0, std::numeric_limits<double>::infinity()}; }
  bool known() const { return high < std::numeric_limits<double>::infinity(); }
};

// In the unit of the samples (seconds).
struct Summary {
  std::size_t n = 0;       // samples
  double effective_n = 0;  // independent samples they are worth (design effect of visits)
  double best = 0, p10 = 0, median = 0, p90 = 0, worst = 0;
  double mad = 0;  // median absolute deviation, not scaled
  // 95 %, of the median, by order statistics; of fewer than six visits by Student's t of their
  // medians; of one visit unknown, for it does not say how visits differ.
  Interval interval;
  bool bimodal = false;  // two separated groups; their medians are `modes`
  std::vector<double> modes;
  std::size_t marked = 0;  // samples with any mark

  // For a drawing: at the median where it is unknown.
  Interval drawn() const { return interval.known() ? interval : Interval{median, median}; }
  double relative_half_width() const {
    return median > 0 ? (interval.high - interval.low) / (2 * median) : 0;
  }
};

// Error if there is no sample.
Summary summarize(const Samples& samples);

struct Comparison {
  double ratio = 1;         // median of b over median of a
  Interval ratio_interval;  // 95 %
  double p =
      1;  // Mann-Whitney, two-sided, its variance widened by the design effects of the visits
};
Comparison compare(const Samples& a, const Samples& b);

// All samples in one list, in order.
std::vector<double> pooled(const Samples& samples);

// Of the p-th share (0..1) of sorted values, interpolated between neighbours. Error if there is no
// value.
double quantile_of_sorted(const std::vector<double>& sorted, double p);
double median_of(std::vector<double> values);
// Of the visits that have samples, in their order.
std::vector<double> medians_of(const std::vector<Visit>& visits);
// Standard deviation of the logarithms of two values or more, as of a sample.
double log_deviation(const std::vector<double>& values);

// Factor by which samples of one visit are worth less than independent ones: 1 + (m-1) ICC, with
// the intraclass correlation of their ranks, so that one outlier cannot hide or fake it. A
// single visit is worth one sample.
double design_effect(const Samples& samples);

// Two-sided p that a and b come from one distribution: exact for small samples without ties, else
// the normal approximation with tie and continuity correction. `widening` multiplies the variance
// in the approximation, and a widening above 1 always uses it.
double mann_whitney(const std::vector<double>& a, const std::vector<double>& b,
                    double widening = 1);

// Holm's step-down adjustment of p-values that are read together, in the order given.
std::vector<double> holm(const std::vector<double>& p);

}  // namespace limen::results
