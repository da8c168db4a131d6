// What lies between the products of a layer: RMSNorm and SwiGLU, in bf16 with sums in fp32.
//
// rms_norm: out = x / sqrt(mean(x^2) + epsilon) * gain, a block a token; claim: x read once (the
// second reading comes from a cache), gain read, out written, 4 flops an element. swiglu:
// out = gate / (1 + exp(-gate)) * up; claim: gate and up read, out written, 5 flops an element.
#pragma once

#include "kernels/cuda/block_sum.cuh"
#include "kernels/cuda/seam.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

inline constexpr unsigned elementwise_threads = 256;

LIMEN_DEVICE float bf16_of(const Words& v, unsigned k) {
  return from_bf16(v.w[k / 2] >> 16 * (k % 2) & 0xffffu);
}

// columns: a multiple of 8.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
rms_norm(const Words* x, const Words* gain, Words* out, unsigned columns, float epsilon) {
  LIMEN_SHARED(float, factor, 1);
  const unsigned chunks = columns / 8;
  const size_t row = size_t{block_x()} * chunks;
  float squares[1] = {0};
  for (unsigned c = thread_x(); c < chunks; c += Threads) {
    const Words v = load_shared_by_all(x + row + c);
    LIMEN_UNROLL
    for (unsigned k = 0; k < 8; ++k) squares[0] = fma(bf16_of(v, k), bf16_of(v, k), squares[0]);
  }
  block_sum<Threads>(squares);
  if (thread_x() == 0) factor[0] = rsqrt_fast(squares[0] / static_cast<float>(columns) + epsilon);
  barrier();
  const float f = factor[0];
  for (unsigned c = thread_x(); c < chunks; c += Threads) {
    const Words v = load_shared_by_all(x + row + c), g = load_shared_by_all(gain + c);
    Words r;
    LIMEN_UNROLL
    for (unsigned i = 0; i < 4; ++i)
      r.w[i] = to_bf16(bf16_of(v, 2 * i) * f * bf16_of(g, 2 * i)) |
               to_bf16(bf16_of(v, 2 * i + 1) * f * bf16_of(g, 2 * i + 1)) << 16;
    store_streaming(out + row + c, r);
  }
}

LIMEN_DEVICE float gated(float gate, float up) {
  constexpr float log2e = 1.44269504f;
  return gate * reciprocal_fast(1 + exp2_fast(-log2e * gate)) * up;
}

// n accesses of 8 elements.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
swiglu(const Words* gate, const Words* up, Words* out, size_t n) {
  const size_t stride = size_t{grid_x()} * Threads;
  for (size_t i = size_t{block_x()} * Threads + thread_x(); i < n; i += stride) {
    const Words g = load_streaming(gate + i), u = load_streaming(up + i);
    Words r;
    LIMEN_UNROLL
    for (unsigned k = 0; k < 4; ++k)
      r.w[k] = to_bf16(gated(bf16_of(g, 2 * k), bf16_of(u, 2 * k))) |
               to_bf16(gated(bf16_of(g, 2 * k + 1), bf16_of(u, 2 * k + 1))) << 16;
    store_streaming(out + i, r);
  }
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
