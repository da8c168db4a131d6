// Honest errors: laws fitted without a source, or without a device, and held against it.
#pragma once

#include <string>
#include <vector>

#include "calibration/published/validate.hpp"

namespace limen::calibration {

struct CrossRow {
  std::string table;     // decode, batch 1, dense; linear; ...
  std::string left_out;  // nothing (fitted), the source, the device; or what foretold instead
  ErrorStatistics statistics;
};

// Over rows of quality A and B. Unseen device: every row is predicted by laws that never saw its
// device, from its datasheet. Unseen source: by laws that never saw its source.
// Beside them what no law can beat, in the same statistic: measurements foretold by equivalent ones
// (equivalents.hpp).
std::vector<CrossRow> cross_validate(const std::vector<PublishedRow>& rows);

}  // namespace limen::calibration
