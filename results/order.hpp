// The parts of a summary that work on sorted samples alone.
#pragma once

#include <cstddef>
#include <vector>

#include "results/statistics.hpp"

namespace limen::results {

// 95 % interval of the median by order statistics, for samples that are worth `effective_n`
// independent ones; unknown for fewer than six, whose extremes hold the median less often.
constexpr std::size_t least_for_interval = 6;
Interval median_interval(const std::vector<double>& sorted, double effective_n);

// The medians of two separated groups, or nothing: Otsu's split of the logarithms, accepted when
// Ashman's D is large and the smaller group is no handful of outliers.
std::vector<double> two_modes(const std::vector<double>& sorted);

}  // namespace limen::results
