// What lies between the products of a decode step: embedding, RMSNorm with the residual, rotation
// of queries and keys with the new slot of the KV cache, SwiGLU; the message of an exchange.
//
// The residual and what products leave are fp32; what products take is bf16, rows padded to
// x_words accesses. Columns are multiples of 8.
#pragma once

#include "kernels/cuda/block_sum.cuh"
#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/gemm.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

inline constexpr unsigned rows_threads = 128, rotation_threads = 64;

LIMEN_DEVICE void load_floats(const float* from, float (&to)[8]) {
  LIMEN_UNROLL
  for (unsigned h = 0; h < 2; ++h) {
    const Words v = *reinterpret_cast<const Words*>(from + 4 * h);
    LIMEN_UNROLL
    for (unsigned k = 0; k < 4; ++k) to[4 * h + k] = as_float(v.w[k]);
  }
}
LIMEN_DEVICE void store_floats(float* to, const float (&from)[8]) {
  LIMEN_UNROLL
  for (unsigned h = 0; h < 2; ++h) {
    Words v;
    LIMEN_UNROLL
    for (unsigned k = 0; k < 4; ++k) v.w[k] = as_bits(from[4 * h + k]);
    *reinterpret_cast<Words*>(to + 4 * h) = v;
  }
}
LIMEN_DEVICE Words rounded(const float (&from)[8]) {
  Words v;
  LIMEN_UNROLL
  for (unsigned k = 0; k < 4; ++k) v.w[k] = to_bf16(from[2 * k]) | to_bf16(from[2 * k + 1]) << 16;
  return v;
}

// A block a sequence: its token's row of the table, of which this rank has `rows` rows from
// first_token on; zeros for a token of another rank.
template <Format F>
LIMEN_KERNEL(rows_threads)
embed(const uint32_t* tokens, const Words* table, const uint16_t* scales, float* out,
      unsigned first_token, unsigned rows, unsigned cols) {
  constexpr unsigned per = per_words(F);
  const unsigned stride = (cols + per - 1) / per, groups = (cols + group - 1) / group;
  const unsigned row = tokens[block_x()] - first_token;  // wraps where the token is below it
  for (unsigned c = thread_x(); c < stride; c += rows_threads) {
    Words v{};
    float scale = 1;
    if (row < rows) {
      v = load_streaming(table + size_t{row} * stride + c);
      if (grouped(F))
        scale = from_half(load_scale(scales + size_t{row} * groups + c * per / group));
    }
    LIMEN_UNROLL
    for (unsigned i = 0; i < per / 8; ++i) {
      if (c * per + 8 * i >= cols) continue;
      float values[8];
      widen_eight<F>(v, i, scale, values);
      LIMEN_UNROLL
      for (unsigned k = 0; k < 8; ++k)
        if (row >= rows) values[k] = 0;
      store_floats(out + size_t{block_x()} * cols + c * per + 8 * i, values);
    }
  }
}

LIMEN_DEVICE void load_delta(const float* from, size_t at, float (&to)[8]) {
  load_floats(from + at, to);
}
LIMEN_DEVICE void load_delta(const uint16_t* from, size_t at, float (&to)[8]) {
  const Words v = *reinterpret_cast<const Words*>(from + at);
  LIMEN_UNROLL
  for (unsigned k = 0; k < 8; ++k) to[k] = bf16_of(v, k);
}

// A block a sequence: residual += delta (the first of a step: residual = delta), and
// x = residual / sqrt(mean(residual^2) + epsilon) * gain.
template <unsigned Threads, class Delta>
LIMEN_KERNEL(Threads)
add_norm(float* residual, const Delta* delta, const Words* gain, Words* x, unsigned columns,
         unsigned x_words, unsigned is_first, float epsilon) {
  LIMEN_SHARED(float, factor, 1);
  const size_t row = size_t{block_x()} * columns;
  float squares[1] = {0};
  for (unsigned c = thread_x(); c < columns / 8; c += Threads) {
    float sum[8], before[8] = {};
    load_delta(delta, row + c * 8, sum);
    if (!is_first) load_floats(residual + row + c * 8, before);
    LIMEN_UNROLL
    for (unsigned k = 0; k < 8; ++k) {
      sum[k] += before[k];
      squares[0] = fma(sum[k], sum[k], squares[0]);
    }
    store_floats(residual + row + c * 8, sum);
  }
  block_sum<Threads>(squares);
  if (thread_x() == 0) factor[0] = rsqrt_fast(squares[0] / static_cast<float>(columns) + epsilon);
  barrier();
  const float f = factor[0];
  for (unsigned c = thread_x(); c < columns / 8; c += Threads) {  // what this thread has written
    float values[8];
    load_floats(residual + row + c * 8, values);
    const Words g = load_shared_by_all(gain + c);
    LIMEN_UNROLL
    for (unsigned k = 0; k < 8; ++k) values[k] *= f * bf16_of(g, k);
    x[size_t{block_x()} * x_words + c] = rounded(values);
  }
}

// The pair by position * turn / 2^64 turns, computed without rounding.
LIMEN_DEVICE void rotate(float& a, float& b, uint64_t turn, unsigned position) {
  constexpr float radians = 6.2831853f / 4294967296.0f;
  const auto phase = static_cast<int32_t>(turn * position >> 32);
  const float angle = static_cast<float>(phase) * radians;
  const float c = cosine_fast(angle), s = sine_fast(angle), first = a;
  a = first * c - b * s;
  b = b * c + first * s;
}

// A block a head of a sequence; qkv is [sequence][queries, keys, values]. Element i of a query or
// key is rotated with element i + dim / 2. Queries go to q, [sequence][head][dim]; keys and values,
// in bf16, to the last slot of the cache.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
rotate_append(const float* qkv, const uint64_t* turns, float* q, uint16_t* keys, uint16_t* values,
              LIMEN_IN_PLACE Heads h) {
  const unsigned i = thread_x(), half = h.dim / 2, head = block_x(), sequence = block_y();
  if (i >= half) return;
  const float* from = qkv + (size_t{sequence} * (h.query + 2 * h.kv) + head) * h.dim;
  float a = from[i], b = from[i + half];
  if (head < h.query + h.kv) rotate(a, b, turns[i], h.position);
  if (head < h.query) {
    float* to = q + (size_t{sequence} * h.query + head) * h.dim;
    to[i] = a;
    to[i + half] = b;
    return;
  }
  const bool is_key = head < h.query + h.kv;
  const unsigned of_cache = head - h.query - (is_key ? 0 : h.kv);
  const size_t slot = (size_t{sequence} * h.kv + of_cache + 1) * h.seen - 1;
  uint16_t* to = (is_key ? keys : values) + slot * h.dim;
  to[i] = static_cast<uint16_t>(to_bf16(a));
  to[i + half] = static_cast<uint16_t>(to_bf16(b));
}

// Rows (block y) of gates and then ups, `width` each.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
gate_rows(const float* both, Words* x, unsigned width, unsigned x_words) {
  const unsigned c = block_x() * Threads + thread_x();
  if (c >= width / 8) return;
  const float* row = both + size_t{block_y()} * 2 * width + c * 8;
  float gate[8], up[8];
  load_floats(row, gate);
  load_floats(row + width, up);
  LIMEN_UNROLL
  for (unsigned k = 0; k < 8; ++k) gate[k] = gated(gate[k], up[k]);
  x[size_t{block_y()} * x_words + c] = rounded(gate);
}

// n accesses of 8 results, as an exchange takes them.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
round_message(const float* from, Words* to, unsigned n) {
  const unsigned c = block_x() * Threads + thread_x();
  if (c >= n) return;
  float values[8];
  load_floats(from + size_t{c} * 8, values);
  to[c] = rounded(values);
}

// Random bits where `keep` has ones, the bits of `set` elsewhere: weights and a cache whose values
// do not matter.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
randomize(Words* to, size_t n, uint32_t keep, uint32_t set, uint32_t seed) {
  const size_t stride = size_t{grid_x()} * Threads;
  for (size_t i = size_t{block_x()} * Threads + thread_x(); i < n; i += stride) {
    Words v;
    LIMEN_UNROLL
    for (unsigned k = 0; k < 4; ++k) {
      uint64_t h = (i * 4 + k + (uint64_t{seed} << 40)) * 0x9E3779B97F4A7C15u;
      h ^= h >> 32;
      h *= 0xD6E8FEB86659FD93u;
      v.w[k] = (static_cast<uint32_t>(h >> 32) & keep) | (set & ~keep);
    }
    store_streaming(to + i, v);
  }
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
