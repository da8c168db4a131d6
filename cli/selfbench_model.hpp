// How fast the model itself is, on one core.
#pragma once

namespace limen::cli {

struct ModelRate {
  double configurations = 0;  // a second: demand, rates, ideal and calibrated step, binding limit
  double predictions = 0;     // a second: the same with its 90 % interval
};
// The median of nine rounds, each a few tens of milliseconds; both kinds alternate.
ModelRate model_rate();

}  // namespace limen::cli
