// Measured sweeps with the laws that were fitted to them: bandwidth by working set, and the time of
// an all-reduce by its size.
#pragma once

#include <vector>

#include "model/machine.hpp"
#include "report/plot.hpp"
#include "results/measurement.hpp"

namespace limen::report {

// Reading with each number of threads, the other kernels with the most; the levels of the machine
// at the most threads, each as far as it reaches.
Chart bandwidth_curve(const std::vector<results::Measurement>& measurements,
                      const model::Machine& fitted);

// Between ranks, and between devices where there are any.
Chart all_reduce_curve(const std::vector<results::Measurement>& measurements,
                       const model::Machine& fitted);

}  // namespace limen::report
