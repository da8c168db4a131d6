// Predictions beside measurements: row by row, and the statistics of their errors.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "calibration/published/evaluate.hpp"

namespace limen::calibration {

struct Judged {
  const PublishedRow* row;
  Evaluation evaluation;
  // predicted / measured - 1, of times and of rates alike
  double error() const { return evaluation.value / row->measured - 1; }
  bool covered() const {
    return evaluation.low <= row->measured && row->measured <= evaluation.high;
  }
};

// Errors are relative; `bias` is the median of the signed ones. `coverage` is NaN where the judged
// have no intervals.
struct ErrorStatistics {
  std::size_t n = 0, violations = 0;
  double median = 0, mean = 0, p90 = 0, bias = 0, coverage = 0;
};
ErrorStatistics statistics_of(const std::vector<const Judged*>& judged);

// Statistics by the word that `key` gives a row, in the order of the words; rows that were not
// predicted are left out.
std::vector<std::pair<std::string, ErrorStatistics>> statistics_by(
    const std::vector<Judged>& judged, const std::function<std::string(const Judged&)>& key);

// The table with the columns predicted, low, high, ideal_limit, binding_limit and reason added.
std::string with_predictions(const Table& table, const std::vector<Judged>& judged);

}  // namespace limen::calibration
