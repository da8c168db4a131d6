// Robust statistics of samples: medians with non-parametric intervals that know that samples of one visit are alike.
#pragma once

#include <string>
#include <vector>

#include "results/measurement.hpp"

namespace limen::results {

struct Interval {
  double low = 0, high = 0;
};

// In the unit of the samples (seconds).
struct Summary {
  std::size_t n = 0;          // samples
  double effective_n = 0;     // independent samples they are worth (design effect of visits)
  double best = 0, p10 = 0, median = 0, p90 = 0, worst = 0;
  double mad = 0;             // median absolute deviation, not scaled
  Interval interval;          // 95 %, of the median, by order statistics
  bool bimodal = false;       // two separated groups; their medians are `modes`
  std::vector<double> modes;
  std::size_t marked = 0;     // samples with any mark

  double relative_half_width() const { return median > 0 ? (interval.high - interval.low) / (2 * median) : 0; }
};

// Error if there is no sample.
Summary summarize(const Samples& samples);

struct Comparison {
  double ratio = 1;           // median of b over median of a
  Interval ratio_interval;    // 95 %
  double p = 1;               // Mann-Whitney, two-sided
};
Comparison compare(const Samples& a, const Samples& b);

}  // namespace limen::results
