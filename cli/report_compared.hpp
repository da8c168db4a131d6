// Predictions beside measurements, as the report page shows them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/page_data.hpp"

namespace limen::cli {

using ComparedTable = std::pair<std::string, std::vector<report::Compared>>;

// A table of published measurements. Throws Error, also if none of its rows can be predicted.
ComparedTable compared_with_cases(const std::string& file);
// The output of `limen verify --json`. Throws Error on anything else.
ComparedTable compared_with_steps(const std::string& file);

// The output of `limen fleet --json`: of its nodes and figures those that stand out most. Throws
// Error on anything else.
std::vector<report::FleetCell> fleet_cells(const std::string& file);

}  // namespace limen::cli
