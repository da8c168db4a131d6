// y = W x: a matrix of weights times a vector, what a decode step with one token does all day.
//
// W is [row][col], rows padded to 16 bytes; int8 and int4 have one fp16 scale for every 128 weights
// of a row, [row][group]. int8 is two's complement; int4 is stored plus 8, weight 8 i + k in nibble
// k of the 32-bit word i. Claim: weights, scales and x read once, y written once, 2 flops a weight.
//
// A block takes Rows rows, its threads walk the columns; x is read once for Rows rows, from the
// first cache. Loads of Unroll steps are issued before the first is used; unrolling by the compiler
// beyond that would only cost registers.
#pragma once

#include "kernels/cuda/block_sum.cuh"
#include "kernels/cuda/weights.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

inline constexpr unsigned gemv_threads = 128;

template <Format F, unsigned Rows, unsigned Unroll>
LIMEN_KERNEL(gemv_threads)
gemv(const Words* weights, const uint16_t* scales, const Words* x, float* y, unsigned rows,
     unsigned cols) {
  constexpr unsigned per = per_words(F), x_words = per / x_per_words(F);
  const unsigned whole = cols / per, rest = cols % per, stride = whole + (rest ? 1 : 0);
  const unsigned groups = (cols + group - 1) / group, first_row = block_x() * Rows;
  const Words* row[Rows];
  const uint16_t* row_scales[Rows];
  LIMEN_UNROLL
  for (unsigned r = 0; r < Rows; ++r) {  // beyond the last row: the last row again, not written
    const unsigned at = first_row + r < rows ? first_row + r : rows - 1;
    row[r] = weights + size_t{at} * stride;
    row_scales[r] = scales + (grouped(F) ? size_t{at} * groups : 0);
  }
  float sum[Rows] = {};
  const auto use = [&](const Words& v, unsigned r, unsigned chunk, const float(&xs)[per],
                       unsigned count) {
    if constexpr (grouped(F)) {
      const float scale = from_half(load_scale(row_scales[r] + chunk * per / group));
      sum[r] = fma(scale, dot<F>(v, xs, 0, count), sum[r]);
    } else {
      sum[r] = dot<F>(v, xs, sum[r], count);
    }
  };
  unsigned c = thread_x();
  LIMEN_NO_UNROLL
  for (; c + (Unroll - 1) * gemv_threads < whole; c += Unroll * gemv_threads) {
    Words v[Unroll][Rows];
    LIMEN_UNROLL
    for (unsigned u = 0; u < Unroll; ++u) {
      LIMEN_UNROLL
      for (unsigned r = 0; r < Rows; ++r) v[u][r] = load_streaming(row[r] + c + u * gemv_threads);
    }
    LIMEN_UNROLL
    for (unsigned u = 0; u < Unroll; ++u) {
      float xs[per];
      load_x<F>(x + size_t{c + u * gemv_threads} * x_words, xs);
      LIMEN_UNROLL
      for (unsigned r = 0; r < Rows; ++r) use(v[u][r], r, c + u * gemv_threads, xs, per);
    }
  }
  LIMEN_NO_UNROLL
  for (; c < stride; c += gemv_threads) {
    float xs[per];
    load_x<F>(x + size_t{c} * x_words, xs);
    LIMEN_UNROLL
    for (unsigned r = 0; r < Rows; ++r)
      use(load_streaming(row[r] + c), r, c, xs, c < whole ? per : rest);
  }
  block_sum<gemv_threads>(sum);
  if (thread_x() != 0) return;
  LIMEN_UNROLL
  for (unsigned r = 0; r < Rows; ++r)
    if (first_row + r < rows) y[first_row + r] = sum[r];
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
