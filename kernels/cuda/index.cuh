// The indexer of sparse attention: which tokens of the cache a new token attends to. The score of a
// token is the sum over heads of weight * max(0, q k); those of the `top` largest scores are
// selected, of equal ones the earlier, in the order of the tokens.
//
// Claim: an index key of Dim elements in bf16 is read for every token, 2 Dim flops a head.
//
// How: a block scores some tokens, their keys in shared memory, for some heads at a time, a thread
// four heads of four tokens: no sum crosses threads before the heads are added up. Then a block a
// sequence finds the least key (routing.cuh) that is selected, four bits at a time, and writes what
// is not below it. Keys are unique: no tie is left to decide.
#pragma once

#include "kernels/cuda/latent.cuh"
#include "kernels/cuda/routing.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

inline constexpr unsigned index_threads = 128, index_heads = 32, select_threads = 1024;

// A block a head (x) of a sequence (y): its query, rotated in its first part.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
rotate_index(const float* queries, const uint64_t* turns, uint16_t* rotated, unsigned dim,
             unsigned rope, unsigned position) {
  const size_t at = (size_t{block_y()} * grid_x() + block_x()) * dim;
  for (unsigned i = thread_x(); i < dim; i += Threads)
    rotated[at + i] = rounded_bf16(rotated_element(queries + at, i, rope, turns, position));
}

// keys: [sequence][context][Dim], queries: [sequence][head][Dim], weights: [sequence] rows of
// `stride`, scores: [sequence][context]. A block takes index_tokens tokens (x) of a sequence (y).
template <unsigned Dim>
LIMEN_KERNEL(index_threads)
index_scores(const Words* keys, const Words* queries, const float* weights, float* scores,
             unsigned heads, unsigned context, unsigned stride) {
  constexpr unsigned words = Dim / 8, row = Dim / 2 + 1;  // pairs; one more: no two rows in a bank
  LIMEN_SHARED(uint32_t, key, index_tokens * row);
  LIMEN_SHARED(uint32_t, query, index_heads * row);
  LIMEN_SHARED(float, weight_of, index_heads);
  const unsigned t = thread_x(), first = block_x() * index_tokens, sequence = block_y();
  const unsigned h = t % 8, at = t / 8;  // heads h, h + 8, ... of tokens at, at + 16, ...
  const auto fill = [&](uint32_t* to, unsigned rows, const Words* from, unsigned begin,
                        unsigned end) {
    for (unsigned i = t; i < rows * words; i += index_threads) {
      const unsigned its = begin + i / words;  // beyond the last: the last again, not used
      const Words v = load_streaming(from + size_t{its < end ? its : end - 1} * words + i % words);
      LIMEN_UNROLL
      for (unsigned k = 0; k < 4; ++k) to[i / words * row + i % words * 4 + k] = v.w[k];
    }
  };
  fill(key, index_tokens, keys + size_t{sequence} * context * words, first, context);
  float sum[4] = {};
  LIMEN_NO_UNROLL
  for (unsigned begin = 0; begin < heads; begin += index_heads) {
    fill(query, index_heads, queries + size_t{sequence} * heads * words, begin, heads);
    if (t < index_heads)
      weight_of[t] = begin + t < heads ? weights[size_t{sequence} * stride + begin + t] : 0;
    barrier();
    float product[4][4] = {};  // [token][head]
    for (unsigned p = 0; p < Dim / 2; ++p) {
      uint32_t q[4];
      LIMEN_UNROLL
      for (unsigned j = 0; j < 4; ++j) q[j] = query[(h + 8 * j) * row + p];
      LIMEN_UNROLL
      for (unsigned i = 0; i < 4; ++i) {
        const uint32_t k = key[(at + 16 * i) * row + p];
        LIMEN_UNROLL
        for (unsigned j = 0; j < 4; ++j) {
          product[i][j] = fma(from_bf16(q[j] & 0xffffu), from_bf16(k & 0xffffu), product[i][j]);
          product[i][j] =
              fma(as_float(q[j] & 0xffff0000u), as_float(k & 0xffff0000u), product[i][j]);
        }
      }
    }
    LIMEN_UNROLL
    for (unsigned i = 0; i < 4; ++i) {
      LIMEN_UNROLL
      for (unsigned j = 0; j < 4; ++j)
        sum[i] = fma(weight_of[h + 8 * j], product[i][j] > 0 ? product[i][j] : 0, sum[i]);
    }
    barrier();  // the next heads take the place of these
  }
  LIMEN_UNROLL
  for (unsigned i = 0; i < 4; ++i) {
    for (unsigned mask = 4; mask > 0; mask /= 2) sum[i] += shuffle_xor(sum[i], mask);
    const unsigned token = first + at + 16 * i;
    if (h == 0 && token < context) scores[size_t{sequence} * context + token] = sum[i];
  }
}

// A block a sequence: `top` of the tokens to selected, [sequence][top]. At most 2^20 tokens.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
index_select(const float* scores, uint32_t* selected, unsigned context, unsigned top) {
  constexpr unsigned bits = 21, per = 3;  // counts in a word
  LIMEN_SHARED(uint64_t, least, 1);
  LIMEN_SHARED(uint32_t, left, 1);
  LIMEN_SHARED(uint32_t, taken, Threads);
  LIMEN_SHARED(uint32_t, of_warp, Threads / warp);
  const float* mine = scores + size_t{block_x()} * context;
  const unsigned t = thread_x();
  uint64_t known = 0;                         // the upper digits of the least key
  unsigned wanted = top < context ? top : 0;  // none: every key is at least 0
  LIMEN_NO_UNROLL
  for (unsigned shift = 64; shift > 0 && wanted > 0;) {
    shift -= 4;
    uint64_t counts[5] = {};  // of keys with these upper digits: whose next one is at least 1 .. 15
    for (unsigned i = t; i < context; i += Threads) {
      const uint64_t from_here = (key_of(mine[i], i) ^ known) >> shift;
      const auto digit = from_here < 16 ? static_cast<unsigned>(from_here) : 0;
      LIMEN_UNROLL
      for (unsigned d = 1; d < 16; ++d)
        counts[(d - 1) / per] += uint64_t{digit >= d} << bits * ((d - 1) % per);
    }
    block_sum<Threads>(counts);
    if (t == 0) {
      unsigned digit = 0, above = 0, rest = wanted;
      LIMEN_UNROLL
      for (unsigned d = 15; d > 0; --d) {
        const auto n = static_cast<unsigned>(counts[(d - 1) / per] >> bits * ((d - 1) % per)) &
                       ((1u << bits) - 1);
        if (digit > 0) continue;
        if (n >= wanted) digit = d;
        above = n < wanted ? n : above;
        // As many as are wanted: the least key is the least of them, whatever its other digits.
        rest = n == wanted ? 0 : wanted - above;
      }
      least[0] = known | uint64_t{digit} << shift;
      left[0] = rest;
    }
    barrier();
    known = least[0];
    wanted = left[0];
    barrier();
  }
  // Threads have as many tokens each, one after another.
  const unsigned each = (context + Threads - 1) / Threads;
  const unsigned begin = t * each < context ? t * each : context,
                 end = begin + each < context ? begin + each : context;
  uint32_t its = 0;
  for (unsigned i = begin; i < end; ++i) its += key_of(mine[i], i) >= known ? 1 : 0;
  taken[t] = its;
  const auto sum = static_cast<uint32_t>(warp_sum(uint64_t{its}));
  if (t % warp == 0) of_warp[t / warp] = sum;
  barrier();
  uint32_t* to = selected + size_t{block_x()} * top;
  for (unsigned w = 0; w < t / warp; ++w) to += of_warp[w];
  for (unsigned i = t / warp * warp; i < t; ++i) to += taken[i];
  for (unsigned i = begin; i < end; ++i)
    if (key_of(mine[i], i) >= known) *to++ = i;
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
