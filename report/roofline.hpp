// The roofline as SVG: attainable FLOP/s against FLOPs per byte, with the ceilings of a machine and
// measured points.
#pragma once

#include <string>
#include <vector>

#include "model/machine.hpp"
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

// Deterministic; every text is escaped. Empty if the machine has no bandwidth.
std::string roofline_svg(const model::Machine& machine, const std::vector<RooflinePoint>& points);

}  // namespace limen::report
