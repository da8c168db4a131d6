#include "results/statistics.hpp"

#include <algorithm>
#include <cmath>

#include "model/error.hpp"
#include "results/order.hpp"

namespace limen::results {

std::vector<double> pooled(const Samples& samples) {
  std::vector<double> all;
  for (const Visit& visit : samples.visits)
    all.insert(all.end(), visit.seconds.begin(), visit.seconds.end());
  return all;
}

std::vector<double> medians_of(const std::vector<Visit>& visits) {
  std::vector<double> medians;
  for (const Visit& visit : visits)
    if (!visit.seconds.empty()) medians.push_back(median_of(visit.seconds));
  return medians;
}

double log_deviation(const std::vector<double>& values) {
  const double n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double x : values) mean += std::log(x) / n;
  for (const double x : values) squares += (std::log(x) - mean) * (std::log(x) - mean);
  return std::sqrt(squares / (n - 1));
}

namespace {

// 95 % interval of the median of fewer than least_for_interval visits, from which their spread is
// known too badly for a design effect: by Student's t of the logarithms of the visits' medians.
Interval interval_of_few(const std::vector<double>& medians, double median) {
  constexpr double student[] = {12.706, 4.303, 3.182, 2.776};  // 97.5 %, by freedom
  if (medians.size() < 2) return Interval::unknown();
  const double reach = student[medians.size() - 2] * log_deviation(medians) /
                       std::sqrt(static_cast<double>(medians.size()));
  return {median * std::exp(-reach), median * std::exp(reach)};
}

}  // namespace

Summary summarize(const Samples& samples) {
  std::vector<double> sorted = pooled(samples);
  if (sorted.empty()) throw Error("no samples to summarize: the case ended before its first visit");
  Summary s;
  s.n = sorted.size();
  s.effective_n = std::max(1.0, static_cast<double>(s.n) / design_effect(samples));
  std::sort(sorted.begin(), sorted.end());
  s.best = sorted.front();
  s.p10 = quantile_of_sorted(sorted, 0.1);
  s.median = quantile_of_sorted(sorted, 0.5);
  s.p90 = quantile_of_sorted(sorted, 0.9);
  s.worst = sorted.back();
  const std::vector<double> medians = medians_of(samples.visits);
  s.interval = medians.size() < least_for_interval ? interval_of_few(medians, s.median)
                                                   : median_interval(sorted, s.effective_n);
  s.modes = two_modes(sorted);
  s.bimodal = !s.modes.empty();
  for (double& x : sorted) x = std::abs(x - s.median);
  s.mad = median_of(std::move(sorted));
  for (const Visit& visit : samples.visits)
    s.marked += static_cast<std::size_t>(std::count_if(
        visit.marks.begin(), visit.marks.end(), [](std::uint32_t marks) { return marks != 0; }));
  return s;
}

Comparison compare(const Samples& a, const Samples& b) {
  const Summary sa = summarize(a), sb = summarize(b);
  Comparison c;
  c.ratio = sb.median / sa.median;
  // The interval of a ratio from those of its parts (MOVER), on the logarithm, where a ratio is a
  // difference.
  const auto below = [](const Summary& s) { return std::log(s.median / s.interval.low); };
  const auto above = [](const Summary& s) { return std::log(s.interval.high / s.median); };
  c.ratio_interval = {c.ratio * std::exp(-std::hypot(below(sb), above(sa))),
                      c.ratio * std::exp(std::hypot(above(sb), below(sa)))};
  // The variance of a difference of mean ranks is proportional to 1/n_a + 1/n_b.
  const double na = static_cast<double>(sa.n), nb = static_cast<double>(sb.n);
  const double widening = (1 / sa.effective_n + 1 / sb.effective_n) / (1 / na + 1 / nb);
  c.p = mann_whitney(pooled(a), pooled(b), widening);
  return c;
}

}  // namespace limen::results
