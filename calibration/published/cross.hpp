// Honest errors: laws fitted without a source, or without a device, and held against it.
#pragma once

#include <string>
#include <vector>

#include "calibration/published/validate.hpp"

namespace limen::calibration {

struct CrossRow {
  std::string table;     // decode, batch 1, dense; linear; ...
  std::string left_out;  // nothing (fitted), source, device
  ErrorStatistics statistics;
};

// Over rows of quality A and B. Unseen device: every row is predicted by laws that never saw its
// device, from its datasheet. Unseen source: by laws that never saw its source.
std::vector<CrossRow> cross_validate(const std::vector<PublishedRow>& rows);

// How far apart equivalent measurements are: the same case from several sources, or several times
// from one. Median and 90th percentile of the relative difference to the case's median.
struct Spread {
  std::string what;
  std::size_t cases = 0, n = 0;
  double median = 0, p90 = 0;
};
std::vector<Spread> spread_of_repeats(const std::vector<PublishedRow>& rows);

}  // namespace limen::calibration
