// The sum over the threads of a block.
#pragma once

#include "kernels/cuda/seam.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

// Valid in thread 0 only. `Count` sums at a time; every thread of the block must call it, and
// again only after a barrier.
template <unsigned Threads, unsigned Count, class T>
LIMEN_DEVICE void block_sum(T (&sum)[Count]) {
  static_assert(Threads % warp == 0);
  constexpr unsigned warps = Threads / warp;
  LIMEN_SHARED(T, parts, warps * Count);
  LIMEN_UNROLL
  for (unsigned i = 0; i < Count; ++i) {
    const T of_warp = warp_sum(sum[i]);
    if (thread_x() % warp == 0) parts[thread_x() / warp * Count + i] = of_warp;
  }
  barrier();
  if (thread_x() != 0) return;
  LIMEN_UNROLL
  for (unsigned i = 0; i < Count; ++i) {
    sum[i] = parts[i];
    LIMEN_UNROLL
    for (unsigned w = 1; w < warps; ++w) sum[i] += parts[w * Count + i];
  }
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
