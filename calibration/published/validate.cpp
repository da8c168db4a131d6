#include "calibration/published/validate.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

namespace limen::calibration {

namespace {

// The value that a share of the values do not exceed, interpolated.
double quantile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const double part = at - static_cast<double>(below);
  return part > 0 ? sorted[below] * (1 - part) + sorted[below + 1] * part : sorted[below];
}

// Numbers in words sort as numbers: "batch 8" before "batch 16".
bool before(const std::string& a, const std::string& b) {
  std::size_t i = 0, j = 0;
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      std::size_t k = i, l = j;
      while (k < a.size() && digit(a[k])) ++k;
      while (l < b.size() && digit(b[l])) ++l;
      if (k - i != l - j) return k - i < l - j;
      const int order = a.compare(i, k - i, b, j, l - j);
      if (order != 0) return order < 0;
      i = k;
      j = l;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

}  // namespace

ErrorStatistics statistics_of(const std::vector<const Judged*>& judged) {
  ErrorStatistics s;
  std::vector<double> signed_errors, magnitudes;
  std::size_t covered = 0;
  bool intervals = true;
  for (const Judged* j : judged) {
    if (!j->evaluation.predicted) continue;
    signed_errors.push_back(j->error());
    magnitudes.push_back(std::abs(j->error()));
    covered += j->covered() ? 1 : 0;
    intervals = intervals && !std::isnan(j->evaluation.low);
    s.violations += j->evaluation.violates ? 1 : 0;
  }
  s.n = magnitudes.size();
  if (s.n == 0) return s;
  for (double m : magnitudes) s.mean += m / static_cast<double>(s.n);
  std::sort(signed_errors.begin(), signed_errors.end());
  std::sort(magnitudes.begin(), magnitudes.end());
  s.median = quantile(magnitudes, 0.5);
  s.p90 = quantile(magnitudes, 0.9);
  s.bias = quantile(signed_errors, 0.5);
  s.coverage = intervals ? static_cast<double>(covered) / static_cast<double>(s.n) : NAN;
  return s;
}

std::vector<std::pair<std::string, ErrorStatistics>> statistics_by(
    const std::vector<Judged>& judged, const std::function<std::string(const Judged&)>& key) {
  std::map<std::string, std::vector<const Judged*>, decltype(&before)> groups(&before);
  for (const Judged& j : judged)
    if (j.evaluation.predicted) groups[key(j)].push_back(&j);
  std::vector<std::pair<std::string, ErrorStatistics>> out;
  for (const auto& [word, rows] : groups) out.emplace_back(word, statistics_of(rows));
  return out;
}

std::string with_predictions(const Table& table, const std::vector<Judged>& judged) {
  std::string out;
  for (const std::string& c : table.columns) out.append(quoted_cell(c)).append(",");
  out += "predicted,low,high,ideal_limit,binding_limit,reason\n";
  for (std::size_t i = 0; i < judged.size(); ++i) {
    for (const std::string& c : table.rows[i].cells) out.append(quoted_cell(c)).append(",");
    const Evaluation& e = judged[i].evaluation;
    if (e.predicted)
      out +=
          fmt::format("{:.6g},{:.6g},{:.6g},{:.6g},{}", e.value, e.low, e.high, e.ideal, e.binding);
    else
      out += ",,,,";
    std::string reason = e.reason;
    if (e.violates) reason.append("; beats the ideal limit");
    out.append(",").append(quoted_cell(reason)).append("\n");
  }
  return out;
}

}  // namespace limen::calibration
