#include "results/fleet/spread.hpp"

#include <algorithm>
#include <cmath>

#include "results/order.hpp"

namespace limen::results::fleet {

namespace {

constexpr std::size_t few = 64;  // for which Qn looks at every pair

double mad_of(const std::vector<double>& values, double centre) {
  std::vector<double> far;
  far.reserve(values.size());
  for (const double x : values) far.push_back(std::abs(x - centre));
  return median_of(std::move(far));
}

// The k-th smallest of all differences, k = h (h - 1) / 2 with h = n / 2 + 1, scaled to be a
// standard deviation of normal values; the factors of small samples as published.
double qn(const std::vector<double>& values) {
  constexpr double small[] = {1, 1, 0.399, 0.994, 0.512, 0.844, 0.611, 0.857, 0.669, 0.872};
  const std::size_t n = values.size(), h = n / 2 + 1, k = h * (h - 1) / 2;
  std::vector<double> differences;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) differences.push_back(std::abs(values[i] - values[j]));
  std::nth_element(differences.begin(), differences.begin() + static_cast<std::ptrdiff_t>(k - 1),
                   differences.end());
  const double whole = static_cast<double>(n);
  const double factor = n < 10 ? small[n] : whole / (whole + (n % 2 == 1 ? 1.4 : 3.8));
  return 2.2219 * factor * differences[k - 1];
}

// Of the regularized incomplete beta function, by Lentz's method.
double continued_fraction(double x, double a, double b) {
  constexpr double tiny = 1e-300;
  const auto away_from_0 = [](double v) { return std::abs(v) < tiny ? tiny : v; };
  double c = 1, d = 1 / away_from_0(1 - (a + b) * x / (a + 1)), result = d;
  for (int m = 1; m < 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_0(1 + even * d), c = away_from_0(1 + even / c), result *= c * d;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_0(1 + odd * d), c = away_from_0(1 + odd / c), result *= c * d;
    if (std::abs(c * d - 1) < 1e-14) break;
  }
  return result;
}

double incomplete_beta(double x, double a, double b) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  return x < (a + 1) / (a + b + 2) ? front * continued_fraction(x, a, b) / a
                                   : 1 - front * continued_fraction(1 - x, b, a) / b;
}

}  // namespace

Distribution distribution(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  Distribution d;
  d.n = values.size();
  d.median = quantile_of_sorted(values, 0.5);
  d.interval = median_interval(values, static_cast<double>(d.n));
  d.p5 = quantile_of_sorted(values, 0.05);
  d.p25 = quantile_of_sorted(values, 0.25);
  d.p75 = quantile_of_sorted(values, 0.75);
  d.p95 = quantile_of_sorted(values, 0.95);
  d.modes = two_modes(values);
  d.mad = mad_of(values, d.median);
  return d;
}

double robust_scale(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  return values.size() <= few ? qn(values) : 1.4826 * mad_of(values, median_of(values));
}

double student_tail(double x, double freedom) {
  return incomplete_beta(freedom / (freedom + x * x), freedom / 2, 0.5) / 2;
}

double alarm_score(std::size_t n, double tail) {
  // What share of n - 1 degrees of freedom the estimators keep, by draws of normal samples (far
  // out, where alarms are; odd small numbers are worst).
  const double whole = static_cast<double>(n);
  const double share = n > few ? 0.37 : n < 10 ? 0.55 : 0.75;
  const double freedom = std::max(1.0, share * (whole - 1));
  double low = 0, high = 1;
  while (student_tail(high, freedom) > tail) high *= 2;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (student_tail(middle, freedom) > tail ? low : high) = middle;
  }
  return high;
}

}  // namespace limen::results::fleet
