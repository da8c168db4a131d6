// Order statistics: quantiles, the interval of a median, the split of two modes.
#include "results/order.hpp"

#include <algorithm>
#include <cmath>

#include "model/error.hpp"
#include "results/statistics.hpp"

namespace limen::results {

double quantile_of_sorted(const std::vector<double>& sorted, double p) {
  if (sorted.empty()) throw Error("a quantile of no values: nothing was measured");
  const double at = std::clamp(p, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return quantile_of_sorted(values, 0.5);
}

namespace {

// Largest r with P(Binomial(n, 1/2) < r) <= tail: the r-th smallest of n is the low end of the
// interval; 0: none is.
int low_rank(int n, double tail) {
  double below = 0;
  for (int r = 0; r <= n / 2; ++r) {
    below += std::exp(std::lgamma(n + 1.0) - std::lgamma(r + 1.0) - std::lgamma(n - r + 1.0) -
                      n * std::log(2.0));
    if (below > tail) return r;
  }
  return n / 2;
}

}  // namespace

Interval median_interval(const std::vector<double>& sorted, double effective_n) {
  const double n = static_cast<double>(sorted.size());
  const int worth = static_cast<int>(std::min(effective_n, n));
  if (worth < static_cast<int>(least_for_interval)) return Interval::unknown();
  // The rank among the samples that they are worth, carried over to the same share of the samples
  // that there are.
  double share;
  if (worth <= 1000) {
    share = low_rank(worth, 0.025) / (worth + 1.0);
  } else {
    share = 0.5 - 1.959964 * 0.5 / std::sqrt(static_cast<double>(worth));
  }
  const auto rank = static_cast<std::size_t>(std::max(1.0, std::floor(share * (n + 1))));
  return {sorted[rank - 1], sorted[sorted.size() - rank]};
}

std::vector<double> two_modes(const std::vector<double>& sorted) {
  // Ashman's D: a normal distribution split at its middle has 2.6, a uniform one 3.5, few samples
  // of them some more.
  constexpr double min_separation = 5;
  constexpr double min_share = 0.15;  // of the smaller group: fewer are outliers
  constexpr double min_ratio = 1.1;  // nearer modes matter to nobody, and a coarse clock makes such
  const std::size_t n = sorted.size();
  const std::size_t smallest = std::max<std::size_t>(
      4, static_cast<std::size_t>(std::ceil(min_share * static_cast<double>(n))));
  if (n < 2 * smallest) return {};

  // Otsu's split over all positions: the one that leaves least variance within the groups.
  std::vector<double> sum(n + 1), square(n + 1);
  const double centre = std::log(sorted[n / 2]);  // keeps the sums of squares exact
  for (std::size_t i = 0; i < n; ++i) {
    const double x = std::log(sorted[i]) - centre;
    sum[i + 1] = sum[i] + x;
    square[i + 1] = square[i] + x * x;
  }
  std::size_t split = 0;
  double best = -1;
  for (std::size_t k = 1; k < n; ++k) {
    const double left = static_cast<double>(k), right = static_cast<double>(n - k);
    const double gap = sum[k] / left - (sum[n] - sum[k]) / right;
    const double between = left * right * gap * gap;
    if (between > best) {
      best = between;
      split = k;
    }
  }
  if (split < smallest || n - split < smallest) return {};
  const double left = static_cast<double>(split), right = static_cast<double>(n - split);
  const double mean_left = sum[split] / left, mean_right = (sum[n] - sum[split]) / right;
  const double variance_left = std::max(0.0, square[split] / left - mean_left * mean_left);
  const double variance_right =
      std::max(0.0, (square[n] - square[split]) / right - mean_right * mean_right);
  const double spread = std::sqrt((variance_left + variance_right) / 2);
  if (mean_right - mean_left < std::log(min_ratio) ||
      mean_right - mean_left < min_separation * spread)
    return {};
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(split);
  return {quantile_of_sorted({sorted.begin(), middle}, 0.5),
          quantile_of_sorted({middle, sorted.end()}, 0.5)};
}

}  // namespace limen::results
