#include "calibration/segments.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "results/statistics.hpp"

namespace limen::calibration {

Cut cut_by_bic(std::size_t points, const SegmentRules& rules,
               const std::function<double(std::size_t, std::size_t)>& cost) {
  const double never = std::numeric_limits<double>::infinity();
  if (points == 0) return {};
  std::vector<std::vector<double>> price(points, std::vector<double>(points, never));
  for (std::size_t i = 0; i < points; ++i)
    for (std::size_t j = i; j < points; ++j)
      if (j - i + 1 >= std::min(rules.least_points, points)) price[i][j] = cost(i, j);

  // least[k][j]: of the first j points in k segments, with the start of the last of them.
  std::vector<std::vector<double>> least(rules.most + 1, std::vector<double>(points + 1, never));
  std::vector<std::vector<std::size_t>> start(rules.most + 1,
                                              std::vector<std::size_t>(points + 1, 0));
  least[0][0] = 0;
  for (std::size_t k = 1; k <= rules.most; ++k) {
    for (std::size_t j = 1; j <= points; ++j) {
      for (std::size_t i = 0; i < j; ++i) {
        const double total = least[k - 1][i] + price[i][j - 1];
        if (total < least[k][j]) {
          least[k][j] = total;
          start[k][j] = i;
        }
      }
    }
  }

  const double n = static_cast<double>(points);
  std::size_t chosen = 1;
  double best = never;
  for (std::size_t k = 1; k <= rules.most; ++k) {
    const double free = static_cast<double>(k) * (rules.parameters + 1) - 1;  // with the cuts
    if (!std::isfinite(least[k][points]) || (k > 1 && free >= n)) continue;
    const double bic =
        n * std::log(least[k][points] / n + rules.noise * rules.noise) + free * std::log(n);
    if (bic < best) {
      best = bic;
      chosen = k;
    }
  }
  std::vector<Segment> found(chosen);
  for (std::size_t k = chosen, end = points; k > 0; --k) {
    found[k - 1] = {start[k][end], end - 1};
    end = start[k][end];
  }
  return {found, best};
}

namespace {

Line weighted_line(const std::vector<double>& x, const std::vector<double>& t, Segment range,
                   const std::vector<double>& weight) {
  double s0 = 0, s1 = 0, s2 = 0, t0 = 0, t1 = 0;
  for (std::size_t i = range.first; i <= range.last; ++i) {
    const double w = weight[i - range.first], a = 1 / t[i], b = x[i] / t[i];
    s0 += w * a * a, s1 += w * a * b, s2 += w * b * b, t0 += w * a, t1 += w * b;
  }
  const double determinant = s0 * s2 - s1 * s1;
  const bool both = range.size() > 1 && determinant > 1e-12 * s0 * s2;
  Line line;
  if (both) {
    line.intercept = (t0 * s2 - t1 * s1) / determinant;
    line.slope = (t1 * s0 - t0 * s1) / determinant;
  }
  if (!both || line.intercept < 0 || line.slope < 0) {
    // On the edge of what is allowed: the better of the two laws with one term.
    const Line flat{t0 / s0, 0}, proportional{0, s2 > 0 ? t1 / s2 : 0};
    const double flat_gain = t0 * t0 / s0, proportional_gain = s2 > 0 ? t1 * t1 / s2 : 0;
    line = flat_gain > proportional_gain ? flat : proportional;
  }
  for (std::size_t i = range.first; i <= range.last; ++i) {
    const double error = line.at(x[i]) / t[i] - 1;
    line.squares += weight[i - range.first] * error * error;
  }
  const double freedom = static_cast<double>(range.size()) - 2;
  const double variance =
      freedom > 0 ? line.squares / freedom : std::numeric_limits<double>::infinity();
  line.intercept_error = both ? std::sqrt(variance * s2 / determinant) : std::sqrt(variance / s0);
  line.slope_error =
      both ? std::sqrt(variance * s0 / determinant) : std::sqrt(variance / std::max(s2, 1e-300));
  return line;
}

}  // namespace

Line fit_line(const std::vector<double>& x, const std::vector<double>& t, Segment range) {
  return weighted_line(x, t, range, std::vector<double>(range.size(), 1.0));
}

Line robust_line(const std::vector<double>& x, const std::vector<double>& t, Segment range) {
  constexpr double huber = 1.345 * 1.4826;
  std::vector<double> weight(range.size(), 1.0), error(range.size());
  Line line;
  for (int round = 0; round < 20; ++round) {
    line = weighted_line(x, t, range, weight);
    for (std::size_t i = 0; i < error.size(); ++i)
      error[i] = std::abs(line.at(x[range.first + i]) / t[range.first + i] - 1);
    const double limit = huber * results::median_of(error);
    for (std::size_t i = 0; i < error.size(); ++i)
      weight[i] = error[i] > limit && limit > 0 ? limit / error[i] : 1;
  }
  return line;
}

}  // namespace limen::calibration
