// A lot: configurations of one model in one partition and format, evaluated side by side.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/predict.hpp"

namespace limen::model {

// What became of up to `most` configurations, field by field. See Evaluated for the units. Lots
// write whole packs of lanes, so there is room for one more.
struct Figures {
  static constexpr std::size_t most = 1024, room = most + 8;
  alignas(64) double utps[room];
  alignas(64) double stps[room];
  alignas(64) double utps_ideal[room];
  alignas(64) double stps_ideal[room];
  alignas(64) double memory[room];
  alignas(64) double compute[room];
  alignas(64) double sync[room];
  alignas(64) double held[room];
  alignas(64) double fill[room];  // held / capacity
  alignas(64) double factor[room];
  Limit binding[room], next[room];
  bool possible[room], fits[room];
};

struct Lot {
  const Transformer* transformer = nullptr;
  Workload like;  // formats and tokens; batch and context are those of the arrays
  Partition partition;
  std::size_t n = 0;
  const double* batch = nullptr;         // these three: of each configuration, and up to 7 more
  const double* context = nullptr;       //   behind the last that are like it
  const std::uint32_t* which = nullptr;  // its entry in `rates`
  const Rates* rates = nullptr;
};

// The instruction sets that lots are compiled for. All give the same bits.
enum class SimdTarget { baseline, avx2, avx512 };
constexpr const char* name(SimdTarget t) {
  return t == SimdTarget::avx512 ? "AVX-512" : t == SimdTarget::avx2 ? "AVX2" : "baseline";
}
bool available(SimdTarget t);  // built in, and this processor has it
SimdTarget best_target();

// Fills out[at...] but for binding, next, factor, possible and fits. Where experts are routed, all
// batches of a lot must be equal: how tokens spread over experts is no smooth function of them.
void evaluate_lot(const Lot& lot, SimdTarget target, Figures& out, std::size_t at);

}  // namespace limen::model
