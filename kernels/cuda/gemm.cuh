// Y = W X^T for some tokens at a time: the products of a decode step of several sequences, and of
// the experts that they chose, on devices without tensor cores (tensor_gemm.cuh).
//
// W, scales and the padding of rows are those of gemv.cuh. Claim: weights and scales of the matrix
// (of each active expert) read once, x read once, y written once, 2 flops a weight and token.
//
// A warp takes gemm_rows rows and Tokens tokens at a time; its lanes walk the columns, the next
// access on its way while one is used. Weights are widened once for all the tokens. More tokens
// than that read the weights again, then from the second cache.
#pragma once

#include "kernels/cuda/weights.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

inline constexpr unsigned gemm_threads = 128, gemm_rows = 4;  // rows of a warp

// Weights 8 i .. 8 i + 7 of an access, as they are.
template <Format F>
LIMEN_DEVICE void widen_eight(const Words& v, unsigned i, float scale, float (&to)[8]) {
  LIMEN_UNROLL
  for (unsigned k = 0; k < 8; ++k) {
    to[k] = weight<F>(v, 8 * i + k);
    if (F == Format::int4) to[k] *= 1.0f / static_cast<float>(1u << 4 * (k % 4));
    if (grouped(F)) to[k] *= scale;
  }
}

// The sums over a warp's lanes of the first N of v, N a power of two up to 32: lane l gets that of
// value l / (32 / N). At each step a lane keeps half of its sums, and sends the others.
template <unsigned N, unsigned Mask = warp / 2, unsigned Size>
LIMEN_DEVICE float warp_sums(float (&v)[Size]) {
  if constexpr (Mask == 0) {
    return v[0];
  } else if constexpr (N == 1) {
    v[0] += shuffle_xor(v[0], Mask);
    return warp_sums<1, Mask / 2>(v);
  } else {
    const bool upper = thread_x() & Mask;
    LIMEN_UNROLL
    for (unsigned i = 0; i < N / 2; ++i) {
      const float sent = shuffle_xor(upper ? v[i] : v[i + N / 2], Mask);
      v[i] = (upper ? v[i + N / 2] : v[i]) + sent;
    }
    return warp_sums<N / 2, Mask / 2>(v);
  }
}

template <Format F, unsigned Tokens>
LIMEN_KERNEL(gemm_threads)
gemm(LIMEN_IN_PLACE Gemm a) {
  constexpr unsigned per = per_words(F), eights = per / 8, sums = gemm_rows * Tokens;
  const unsigned whole = a.cols / per, rest = a.cols % per, stride = whole + (rest ? 1 : 0);
  const unsigned groups = (a.cols + group - 1) / group, lane = thread_x() % warp;
  const unsigned first_row = (block_x() * (gemm_threads / warp) + thread_x() / warp) * gemm_rows;
  unsigned begin = 0, end = a.tokens;
  size_t expert = 0;
  if (a.active != nullptr) {
    if (block_y() >= a.active[0]) return;
    expert = a.active[1 + block_y()];
    begin = a.first[expert];
    end = a.first[expert + 1];
  }
  if (first_row >= a.rows) return;
  const Words* row[gemm_rows];
  const uint16_t* row_scales[gemm_rows];
  LIMEN_UNROLL
  for (unsigned r = 0; r < gemm_rows; ++r) {  // beyond the last row: the last again, not written
    const size_t at = expert * a.rows + (first_row + r < a.rows ? first_row + r : a.rows - 1);
    row[r] = a.weights + at * stride;
    row_scales[r] = a.scales + (grouped(F) ? at * groups : 0);
  }
  LIMEN_NO_UNROLL
  for (unsigned slot = begin; slot < end; slot += Tokens) {
    const Words* x[Tokens];
    LIMEN_UNROLL
    for (unsigned t = 0; t < Tokens; ++t) {  // beyond the last slot: likewise
      const unsigned at = slot + t < end ? slot + t : end - 1;
      x[t] = a.x + size_t{a.source != nullptr ? a.source[at] : at} * a.x_words;
    }
    float sum[sums] = {};
    Words v[gemm_rows] = {}, next[gemm_rows] = {};
    unsigned c = lane;
    LIMEN_UNROLL
    for (unsigned r = 0; r < gemm_rows; ++r)
      if (c < stride) v[r] = load_streaming(row[r] + c);
    LIMEN_NO_UNROLL
    for (; c < stride; c += warp) {
      LIMEN_UNROLL
      for (unsigned r = 0; r < gemm_rows; ++r)
        if (c + warp < stride) next[r] = load_streaming(row[r] + c + warp);
      float scale[gemm_rows];
      LIMEN_UNROLL
      for (unsigned r = 0; r < gemm_rows; ++r)
        scale[r] = grouped(F) ? from_half(load_scale(row_scales[r] + c * per / group)) : 1;
      LIMEN_UNROLL
      for (unsigned i = 0; i < eights; ++i) {
        if (c >= whole && 8 * i >= rest) continue;  // padding
        float w[gemm_rows][8];
        LIMEN_UNROLL
        for (unsigned r = 0; r < gemm_rows; ++r) widen_eight<F>(v[r], i, scale[r], w[r]);
        LIMEN_UNROLL
        for (unsigned t = 0; t < Tokens; ++t) {
          const Words xs = load_shared_by_all(x[t] + c * eights + i);
          LIMEN_UNROLL
          for (unsigned k = 0; k < 8; ++k) {
            const float of_token = weight<Format::bf16>(xs, k);
            LIMEN_UNROLL
            for (unsigned r = 0; r < gemm_rows; ++r)
              sum[t * gemm_rows + r] = fma(w[r][k], of_token, sum[t * gemm_rows + r]);
          }
        }
      }
      LIMEN_UNROLL
      for (unsigned r = 0; r < gemm_rows; ++r) v[r] = next[r];
    }
    const float total = warp_sums<sums>(sum);
    constexpr unsigned lanes = warp / sums;  // that have the same sum
    const unsigned t = lane / lanes / gemm_rows, r = lane / lanes % gemm_rows;
    if (lane % lanes == 0 && slot + t < end && first_row + r < a.rows)
      a.y[size_t{slot + t} * a.rows + first_row + r] = total;
  }
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
