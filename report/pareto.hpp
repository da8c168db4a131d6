// Speed against throughput: tokens/s of a user and tokens/s of a chip, over partitions and batches,
// and the frontier of those that no other beats in both.
#pragma once

#include <vector>

#include "report/plot.hpp"
#include "report/prediction_table.hpp"

namespace limen::report {

// A frontier for each group of cases that differ in no more than partition and batch. Cases that do
// not fit are left out and counted in the subtitle.
Chart pareto(const std::vector<PredictedCase>& cases);

}  // namespace limen::report
