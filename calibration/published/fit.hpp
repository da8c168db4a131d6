// From tables of published measurements to laws: of devices, of groups of devices, of engines.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "calibration/published/rows.hpp"
#include "model/cards/laws.hpp"

namespace limen::calibration {

// Every table of a folder: memory.csv, products.csv, attention.csv, all_reduce.csv, decode.csv,
// each optional.
std::vector<PublishedRow> load_published(const std::string& folder);

struct PublishedFit {
  cards::Laws laws;
  // What the data could not tell apart or at all; rows that physics refuses, and why.
  std::vector<std::string> unidentified, refused;
};

// Rows of quality C, rows with a problem and those that `keep` refuses are left out. `whole`: the
// fit to all rows, whose laws hold where no row was left out.
PublishedFit fit_published(const std::vector<PublishedRow>& rows,
                           const std::function<bool(const PublishedRow&)>& keep,
                           const PublishedFit* whole = nullptr);

}  // namespace limen::calibration
