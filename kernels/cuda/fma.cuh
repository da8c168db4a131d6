// Fused multiply-adds in fp32 out of registers: how fast a device computes what is no product of
// matrices.
//
// Claims 2 * Chains * fma_steps FLOPs a round and thread, and 4 bytes written a thread. A thread
// has several chains x = x * a + b that do not wait for one another; what it writes is their sum,
// so that none can be left out.
#pragma once

#include "kernels/cuda/seam.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

template <unsigned Chains>
LIMEN_KERNEL(fma_threads)
multiply_add(float a, float b, unsigned rounds, float* out) {
  const unsigned number = block_x() * fma_threads + thread_x();
  float x[Chains];
  LIMEN_UNROLL
  for (unsigned c = 0; c < Chains; ++c) x[c] = static_cast<float>(number % fma_threads + c);
  LIMEN_NO_UNROLL
  for (unsigned r = 0; r < rounds; ++r) {
    LIMEN_UNROLL
    for (unsigned s = 0; s < fma_steps; ++s) {
      LIMEN_UNROLL
      for (unsigned c = 0; c < Chains; ++c) x[c] = fma(x[c], a, b);
    }
  }
  float sum = 0;
  LIMEN_UNROLL
  for (unsigned c = 0; c < Chains; ++c) sum += x[c];
  out[number] = sum;
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
