// Attention of a decode step: one new token a sequence, a KV cache of `context` positions, grouped
// queries: Group heads of queries share one head of keys and values.
//
// K and V are [sequence][kv head][position][Dim], q is [sequence][query head][Dim] in fp32, the
// result as well, or in bf16. Claim: K and V read once, 4 flops for each query head, position and
// dimension.
//
// A block takes a share of the positions of one KV head of one sequence, in tiles of 32, and up to
// Group of its queries: Dim / 8 lanes a position for the scores, then a running softmax, then as
// many rows of V at a time. It leaves a partial result with its maximum and its sum; attention_join
// adds up the shares.
#pragma once

#include "kernels/cuda/weights.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

inline constexpr unsigned attention_threads = 128, positions = 32;
// Of a share: its maximum (in powers of two) and its sum; then Dim results, not yet divided.
template <unsigned Dim>
inline constexpr unsigned partial_floats = Dim + 2;

// Dimensions first .. first + 7 of a row of K or V.
template <Format F, unsigned Dim>
LIMEN_DEVICE void load_eight(const void* rows, size_t row, unsigned first, float (&to)[8]) {
  if constexpr (F == Format::bf16) {
    const Words v = load_streaming(static_cast<const Words*>(rows) + (row * Dim + first) / 8);
    LIMEN_UNROLL
    for (unsigned k = 0; k < 8; ++k) to[k] = weight<F>(v, k);
  } else {  // 16 bytes are 16 dimensions: two neighbouring lanes share an access
    static_assert(F == Format::fp8);
    const Words v = load_streaming(static_cast<const Words*>(rows) + (row * Dim + first) / 16);
    const unsigned half = first / 8 % 2;
    LIMEN_UNROLL
    for (unsigned k = 0; k < 8; k += 2) {
      const uint32_t word = half ? v.w[2 + k / 4] : v.w[k / 4];
      from_e4m3(word >> 8 * (k % 4) & 0xffffu, to[k], to[k + 1]);
    }
  }
}

// `queries` heads of queries a KV head; a block for each Group of them, which the last may fill in
// part.
template <Format F, unsigned Group, unsigned Dim>
LIMEN_KERNEL(attention_threads)
attention(const float* q, const void* keys, const void* values, float* partial, unsigned context,
          unsigned queries, unsigned shares, float scale) {
  constexpr unsigned lanes = Dim / 8, teams = attention_threads / lanes;
  LIMEN_SHARED(float, query, Group* Dim);
  LIMEN_SHARED(float, score, Group* positions);
  LIMEN_SHARED(float, rescale, Group);
  LIMEN_SHARED(float, maximum, Group);
  LIMEN_SHARED(float, total, Group);
  LIMEN_SHARED(float, rows, teams* Dim);
  const unsigned blocks = (queries + Group - 1) / Group, first_query = block_y() % blocks * Group;
  const unsigned t = thread_x(), kv = block_y() / blocks, share = block_x();
  // The scores are kept in powers of two: exp(a) = exp2(a log2(e)).
  constexpr float log2e = 1.44269504f;
  for (unsigned i = t; i < Group * Dim; i += attention_threads) {
    const unsigned g = first_query + i / Dim;  // beyond the last: the last again, not written
    query[i] = q[(size_t{kv} * queries + (g < queries ? g : queries - 1)) * Dim + i % Dim] *
               (scale * log2e);
  }
  if (t < Group) {
    maximum[t] = -1e30f;
    total[t] = 0;
  }
  barrier();

  const unsigned tiles = (context + positions - 1) / positions;
  const unsigned from = static_cast<unsigned>(uint64_t{tiles} * share / shares),
                 to = static_cast<unsigned>(uint64_t{tiles} * (share + 1) / shares);
  const size_t base = size_t{kv} * context;
  const unsigned lane = t % lanes, team = t / lanes;  // a lane has 8 dimensions
  float sum[Group][8] = {};
  for (unsigned at = from; at < to; ++at) {
    const unsigned first = at * positions;
    float k[positions / teams][8];
    LIMEN_UNROLL
    for (unsigned p = 0; p < positions / teams; ++p) {
      const unsigned position = first + p * teams + team;
      load_eight<F, Dim>(keys, base + (position < context ? position : context - 1), lane * 8,
                         k[p]);
    }
    LIMEN_UNROLL
    for (unsigned p = 0; p < positions / teams; ++p) {
      const unsigned position = first + p * teams + team;
      LIMEN_UNROLL
      for (unsigned g = 0; g < Group; ++g) {
        float s = 0;
        LIMEN_UNROLL
        for (unsigned d = 0; d < 8; ++d) s = fma(query[g * Dim + lane * 8 + d], k[p][d], s);
        for (unsigned mask = lanes / 2; mask > 0; mask /= 2) s += shuffle_xor(s, mask);
        if (lane == 0) score[g * positions + p * teams + team] = position < context ? s : -1e30f;
      }
    }
    barrier();
    if (t < Group) {  // the running softmax of a head
      float most = maximum[t];
      LIMEN_UNROLL
      for (unsigned i = 0; i < positions; ++i)
        most = score[t * positions + i] > most ? score[t * positions + i] : most;
      const float shrink = exp2_fast(maximum[t] - most);
      float sum_of_head = total[t] * shrink;
      LIMEN_UNROLL
      for (unsigned i = 0; i < positions; ++i) {
        const float e = exp2_fast(score[t * positions + i] - most);
        score[t * positions + i] = e;
        sum_of_head += e;
      }
      maximum[t] = most;
      total[t] = sum_of_head;
      rescale[t] = shrink;
    }
    barrier();
    LIMEN_UNROLL
    for (unsigned g = 0; g < Group; ++g) {
      LIMEN_UNROLL
      for (unsigned d = 0; d < 8; ++d) sum[g][d] *= rescale[g];
    }
    LIMEN_UNROLL
    for (unsigned p = 0; p < positions / teams; ++p) {
      const unsigned position = first + p * teams + team;
      float v[8];
      load_eight<F, Dim>(values, base + (position < context ? position : context - 1), lane * 8, v);
      LIMEN_UNROLL
      for (unsigned g = 0; g < Group; ++g) {
        const float weight_of = position < context ? score[g * positions + p * teams + team] : 0;
        LIMEN_UNROLL
        for (unsigned d = 0; d < 8; ++d) sum[g][d] = fma(weight_of, v[d], sum[g][d]);
      }
    }
    barrier();  // the next tile overwrites the scores
  }
  // The teams hold sums of different positions.
  LIMEN_UNROLL
  for (unsigned g = 0; g < Group; ++g) {
    LIMEN_UNROLL
    for (unsigned d = 0; d < 8; ++d) rows[team * Dim + lane * 8 + d] = sum[g][d];
    barrier();
    if (t < Dim && first_query + g < queries) {
      float all = 0;
      LIMEN_UNROLL
      for (unsigned h = 0; h < teams; ++h) all += rows[h * Dim + t];
      float* out = partial + ((size_t{kv} * queries + first_query + g) * shares + share) *
                                 partial_floats<Dim>;
      out[2 + t] = all;
      if (t == 0) {
        out[0] = maximum[g];
        out[1] = total[g];
      }
    }
    barrier();
  }
}

LIMEN_DEVICE void put(float* to, float v) { *to = v; }
LIMEN_DEVICE void put(uint16_t* to, float v) { *to = static_cast<uint16_t>(to_bf16(v)); }

// One block a query head: the shares, each weighted by what its maximum is to the largest of all.
template <unsigned Dim, class Result>
LIMEN_KERNEL(Dim)
attention_join(const float* partial, Result* result, unsigned shares) {
  const float* mine = partial + size_t{block_x()} * shares * partial_floats<Dim>;
  float most = -1e30f;
  for (unsigned s = 0; s < shares; ++s) {
    const float its = mine[s * partial_floats<Dim>];
    most = its > most ? its : most;
  }
  float sum = 0, total = 0;
  for (unsigned s = 0; s < shares; ++s) {
    const float* part = mine + s * partial_floats<Dim>;
    const float factor = exp2_fast(part[0] - most);
    total = fma(factor, part[1], total);
    sum = fma(factor, part[2 + thread_x()], sum);
  }
  put(result + size_t{block_x()} * Dim + thread_x(), sum / total);
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
