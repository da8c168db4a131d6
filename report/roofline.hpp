// The roofline: attainable FLOP/s against FLOPs per byte, with the ceilings of a machine, measured
// layers and the operators of predicted steps.
#pragma once

#include <string>
#include <vector>

#include "model/machine.hpp"
#include "report/plot.hpp"
#include "report/step_parts.hpp"
#include "results/measurement.hpp"

namespace limen::report {

// A measured linear layer: where it stands on the roofline.
struct RooflinePoint {
  std::string series;  // the format of its weights
  std::string label;   // shape and tokens
  double intensity;    // FLOP/B
  double rate;         // FLOP/s, median
  double low, high;    // FLOP/s, 95 % interval of the median
};

// The cold GEMV and GEMM measurements of a run at its largest number of threads.
std::vector<RooflinePoint> roofline_points(const std::vector<results::Measurement>& measurements);

// All of one device. The cases are of this machine; those that do not fit are left out and counted
// in the subtitle. Of no use without memory.bandwidth.
Chart roofline(const model::Machine& machine, const std::vector<RooflinePoint>& measured,
               const std::vector<PlottedCase>& cases);

}  // namespace limen::report
