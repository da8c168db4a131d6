// The cases that `limen run` and `limen report` show of a measured machine, and beside it.
#pragma once

#include <vector>

#include "report/prediction_table.hpp"

namespace limen::cli {

// Three models in each format that was calibrated, over one rank and over all. On one's own machine
// the small formats are what is run.
std::vector<report::PredictedCase> usual_cases_on(const model::Machine& machine);

// The same models with 8-bit weights on hypothetical machines, on as few devices as hold the model
// (a power of two), and on 8 times as many.
std::vector<report::PredictedCase> usual_cases_elsewhere();

}  // namespace limen::cli
