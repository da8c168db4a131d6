#include "model/sweep/lot.hpp"

#include "model/sweep/lot_targets.hpp"

namespace limen::model {

bool available(SimdTarget t) {
#if LIMEN_SWEEP_AVX
  if (t == SimdTarget::avx2) return __builtin_cpu_supports("avx2");
  if (t == SimdTarget::avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#endif
  return t == SimdTarget::baseline;
}

SimdTarget best_target() {
  for (SimdTarget t : {SimdTarget::avx512, SimdTarget::avx2}) {
    if (available(t)) return t;
  }
  return SimdTarget::baseline;
}

void evaluate_lot(const Lot& lot, SimdTarget target, Figures& out, std::size_t at) {
#if LIMEN_SWEEP_AVX
  if (target == SimdTarget::avx512) return evaluate_lot_avx512(lot, out, at);
  if (target == SimdTarget::avx2) return evaluate_lot_avx2(lot, out, at);
#endif
  (void)target;
  evaluate_lot_baseline(lot, out, at);
}

}  // namespace limen::model
