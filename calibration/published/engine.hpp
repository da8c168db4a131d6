// The law of a serving engine, on top of the laws of the device:
//   request + prefill + output * step
//   step = that of the model, with the device's laws, in which
//            the efficiency of linear layers moves by `linear` (weights of 16 bits and fp8) or
//            `quantized` (int8, int4), the rate of arithmetic by `arithmetic`, the efficiency of
//            the KV cache by `attention`: each a factor of its odds, so that none can exceed the
//            peak; exchanges take `exchange` times as long (overlap shortens, a slower path
//            lengthens)
//          + step + layer * layers + experts * layers with experts + sequence * batch
//   prefill = FLOPs of the prompt / (prefill * peak) + the bytes of its exchanges
// A cell is an engine on a device; cells are draws about their engine, engines about all engines.
#pragma once

#include <optional>
#include <vector>

#include "calibration/published/hierarchy.hpp"
#include "calibration/published/laws.hpp"
#include "model/predict.hpp"

namespace limen::calibration {

const std::vector<Coordinate>& engine_coordinates();

// A decode row with all that does not depend on the engine's parameters.
struct PreparedDecode {
  model::Demand demand;        // of a step half way through the output
  model::Demand least_demand;  // the same if all tokens pick the same experts
  model::Rates rates;          // of the device's kernels
  bool narrow = false;         // weights of int8 or int4
  bool with_prefill = false;
  double layers = 0, batch = 1, output = 1;
  double prefill_flops = 0, prefill_least_flops = 0, prefill_peak = 1, prefill_exchange = 0;
  double held = 0, capacity = 0;  // bytes a rank

  // Seconds that a token takes a user, all included, given the natural values of the coordinates.
  double seconds_a_token(const std::vector<double>& values) const;
  model::Step step(const std::vector<double>& values) const;
  double least_seconds_a_token() const;
};

// `machine`: the card with the device's laws. Nothing, and why, if it cannot be predicted.
std::optional<PreparedDecode> prepare(const PublishedRow& row, const model::Machine& machine,
                                      std::string& why);

}  // namespace limen::calibration
