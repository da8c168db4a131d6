// Tests on ranks: Mann-Whitney, Holm's adjustment, and the intraclass correlation of visits.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "results/statistics.hpp"

namespace limen::results {

namespace {

struct Ranks {
  std::vector<double> of;  // mid-ranks, in the order of the values
  double tie_term = 0;     // sum of t^3 - t over groups of t equal values
};

Ranks rank(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
  Ranks ranks{std::vector<double>(values.size())};
  for (std::size_t i = 0, next; i < order.size(); i = next) {
    for (next = i; next < order.size() && values[order[next]] == values[order[i]];) ++next;
    const double mid = (static_cast<double>(i + next) + 1) / 2, t = static_cast<double>(next - i);
    for (std::size_t k = i; k < next; ++k) ranks.of[order[k]] = mid;
    ranks.tie_term += t * t * t - t;
  }
  return ranks;
}

// P(U <= u) when all orders of n + m distinct values are equally likely: the Gaussian binomial
// coefficients count the orders of each U.
double exact_below(std::size_t n, std::size_t m, double u) {
  std::vector<double> count(n * m + 1);
  count[0] = 1;
  for (std::size_t i = 1; i <= n; ++i) {
    for (std::size_t k = count.size(); k-- > m + i;) count[k] -= count[k - (m + i)];
    for (std::size_t k = i; k < count.size(); ++k) count[k] += count[k - i];
  }
  const double all = std::accumulate(count.begin(), count.end(), 0.0);
  double below = 0;
  for (std::size_t k = 0; k < count.size() && static_cast<double>(k) <= u; ++k) below += count[k];
  return below / all;
}

}  // namespace

double mann_whitney(const std::vector<double>& a, const std::vector<double>& b, double widening) {
  constexpr std::size_t exact_up_to =
      400;  // products of the sizes: the normal approximation is good beyond
  if (a.empty() || b.empty()) return 1;
  std::vector<double> all = a;
  all.insert(all.end(), b.begin(), b.end());
  const Ranks ranks = rank(all);
  const double n = static_cast<double>(a.size()), m = static_cast<double>(b.size()), N = n + m;
  double u = -n * (n + 1) / 2;
  for (std::size_t i = 0; i < a.size(); ++i) u += ranks.of[i];
  const double smaller = std::min(u, n * m - u);
  if (ranks.tie_term == 0 && widening <= 1 && a.size() * b.size() <= exact_up_to)
    return std::min(1.0, 2 * exact_below(a.size(), b.size(), smaller));
  const double variance =
      n * m / 12 * (N + 1 - ranks.tie_term / (N * (N - 1))) * std::max(1.0, widening);
  if (variance <= 0) return 1;  // all values are equal
  const double z = std::max(0.0, n * m / 2 - smaller - 0.5) / std::sqrt(variance);
  return std::erfc(z / std::sqrt(2.0));
}

std::vector<double> holm(const std::vector<double>& p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return p[i] < p[j]; });
  std::vector<double> adjusted(p.size());
  double largest = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    largest = std::max(largest, std::min(1.0, p[order[k]] * static_cast<double>(p.size() - k)));
    adjusted[order[k]] = largest;
  }
  return adjusted;
}

double design_effect(const Samples& samples) {
  const std::vector<double> ranks = rank(pooled(samples)).of;
  const double n = static_cast<double>(ranks.size());
  double visits = 0, between = 0, within = 0, squared_sizes = 0;
  auto at = ranks.begin();
  for (const Visit& visit : samples.visits) {
    if (visit.seconds.empty()) continue;
    const auto end = at + static_cast<std::ptrdiff_t>(visit.seconds.size());
    const double size = static_cast<double>(visit.seconds.size());
    const double mean = std::accumulate(at, end, 0.0) / size;
    between += size * (mean - (n + 1) / 2) * (mean - (n + 1) / 2);
    for (; at != end; ++at) within += (*at - mean) * (*at - mean);
    squared_sizes += size * size;
    ++visits;
  }
  if (visits < 2) return std::max(1.0, n);
  if (n <= visits) return 1;
  const double mean_between = between / (visits - 1), mean_within = within / (n - visits);
  const double typical =
      (n - squared_sizes / n) / (visits - 1);  // of the size of a visit, as ANOVA weighs it
  const double total = mean_between + (typical - 1) * mean_within;
  const double correlation =
      total > 0 ? std::clamp((mean_between - mean_within) / total, 0.0, 1.0) : 0;
  return 1 + (squared_sizes / n - 1) * correlation;
}

}  // namespace limen::results
