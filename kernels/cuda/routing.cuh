// Choices of a decode step: experts of a token, their order, their sum; and the next token.
//
// A score and its index are one 64-bit key, so that the largest key is the largest score, and the
// first of equals.
#pragma once

#include "kernels/cuda/seam.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

inline constexpr unsigned order_threads = 256, combine_threads = 128, largest_threads = 256;

LIMEN_DEVICE uint64_t key_of(float score, uint32_t index) {
  const uint32_t bits = as_bits(score);
  return uint64_t{bits >> 31 ? ~bits : bits | 0x80000000u} << 32 | ~index;
}
LIMEN_DEVICE uint32_t index_of(uint64_t key) { return ~static_cast<uint32_t>(key); }
LIMEN_DEVICE float score_of(uint64_t key) {
  const auto bits = static_cast<uint32_t>(key >> 32);
  return as_float(bits >> 31 ? bits & 0x7fffffffu : ~bits);
}

// A warp a token: the `top` largest of its scores, largest first, and their softmax among
// themselves, or their sigmoids as shares of the sum. Keys are unique: the next one is the largest
// below the last.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
choose_experts(const float* scores, uint32_t* chosen, float* weights, unsigned experts,
               unsigned top, unsigned sigmoid) {
  static_assert(Threads == warp);
  constexpr float log2e = 1.44269504f;
  const float* mine = scores + size_t{block_x()} * experts;
  uint32_t* its = chosen + size_t{block_x()} * top;
  float* weight_of = weights + size_t{block_x()} * top;
  uint64_t last = ~uint64_t{0};
  float largest = 0, total = 0;
  for (unsigned j = 0; j < top; ++j) {
    uint64_t best = 0;
    for (unsigned e = thread_x(); e < experts; e += warp) {
      const uint64_t key = key_of(mine[e], e);
      if (key < last && key > best) best = key;
    }
    last = warp_max(best);
    if (j == 0) largest = score_of(last);
    const float score = score_of(last);
    const float w = sigmoid ? reciprocal_fast(1 + exp2_fast(-score * log2e))
                            : exp2_fast((score - largest) * log2e);
    total += w;
    if (thread_x() != 0) continue;
    its[j] = index_of(last);
    weight_of[j] = w;
  }
  if (thread_x() != 0) return;
  for (unsigned j = 0; j < top; ++j) weight_of[j] *= reciprocal_fast(total);
}

// One block: pairs of token and expert, by expert, pairs of one expert in the order of tokens.
// first[e]: the first slot of expert e, and of the last its end; slot[pair]; source[slot]: the
// pair's token; active: how many experts have any, and which.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
order_pairs(const uint32_t* chosen, uint32_t* first, uint32_t* slot, uint32_t* source,
            uint32_t* active, unsigned pairs, unsigned top, unsigned experts) {
  LIMEN_SHARED(uint32_t, expert_of, most_pairs);
  LIMEN_SHARED(uint32_t, used, most_experts);
  const unsigned t = thread_x();
  for (unsigned i = t; i < pairs; i += Threads) expert_of[i] = chosen[i];
  barrier();
  for (unsigned e = t; e <= experts; e += Threads) {
    uint32_t below = 0, its = 0;
    for (unsigned i = 0; i < pairs; ++i) {
      below += expert_of[i] < e ? 1 : 0;
      its += expert_of[i] == e ? 1 : 0;
    }
    first[e] = below;
    if (e < experts) used[e] = its > 0 ? 1 : 0;
  }
  for (unsigned i = t; i < pairs; i += Threads) {
    const uint32_t e = expert_of[i];
    uint32_t before = 0;
    for (unsigned j = 0; j < pairs; ++j)
      before += expert_of[j] < e || (expert_of[j] == e && j < i) ? 1 : 0;
    slot[i] = before;
    source[before] = i / top;
  }
  barrier();
  for (unsigned e = t; e <= experts; e += Threads) {
    uint32_t before = 0;
    for (unsigned i = 0; i < e; ++i) before += used[i];
    if (e == experts) {
      active[0] = before;
    } else if (used[e]) {
      active[1 + before] = e;
    }
  }
}

// out of a token (block y), or nothing: plus the weighted results of its experts, [slot][columns].
template <unsigned Threads>
LIMEN_KERNEL(Threads)
combine(const float* results, const uint32_t* slot, const float* weights, float* out,
        unsigned columns, unsigned top, unsigned is_first) {
  const unsigned c = block_x() * Threads + thread_x(), token = block_y();
  if (c >= columns) return;
  float* to = out + size_t{token} * columns + c;
  float sum = is_first ? 0 : *to;
  for (unsigned j = 0; j < top; ++j) {
    const size_t pair = size_t{token} * top + j;
    sum = fma(weights[pair], results[size_t{slot[pair]} * columns + c], sum);
  }
  *to = sum;
}

// The largest logit of a share (block x) of the vocabulary of a sequence (block y).
template <unsigned Threads>
LIMEN_KERNEL(Threads)
largest_logit(const float* logits, uint64_t* candidates, unsigned vocabulary,
              unsigned first_token) {
  LIMEN_SHARED(uint64_t, of_warp, Threads / warp);
  const float* mine = logits + size_t{block_y()} * vocabulary;
  uint64_t best = 0;
  for (unsigned v = block_x() * Threads + thread_x(); v < vocabulary; v += grid_x() * Threads) {
    const uint64_t key = key_of(mine[v], first_token + v);
    best = key > best ? key : best;
  }
  best = warp_max(best);
  if (thread_x() % warp == 0) of_warp[thread_x() / warp] = best;
  barrier();
  if (thread_x() != 0) return;
  for (unsigned w = 1; w < Threads / warp; ++w) best = of_warp[w] > best ? of_warp[w] : best;
  candidates[size_t{block_y()} * grid_x() + block_x()] = best;
}

// A warp a sequence: the best of its candidates is its next token; or, of a rank among several,
// what it tells the others: the 8 bytes of the key as 8 numbers in bf16, which a sum with the zeros
// of all other ranks leaves as they are. message is [rank][sequence][4], ours the rank's part.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
sample(const uint64_t* candidates, unsigned shares, uint32_t* next, uint32_t* message) {
  static_assert(Threads == warp);
  uint64_t best = 0;
  for (unsigned s = thread_x(); s < shares; s += warp) {
    const uint64_t key = candidates[size_t{block_x()} * shares + s];
    best = key > best ? key : best;
  }
  best = warp_max(best);
  if (message == nullptr) {
    if (thread_x() == 0) next[block_x()] = index_of(best);
  } else if (thread_x() < 4) {
    const auto two = static_cast<uint32_t>(best >> 16 * thread_x());
    message[block_x() * 4 + thread_x()] = to_bf16(static_cast<float>(two & 0xffu)) |
                                          to_bf16(static_cast<float>(two >> 8 & 0xffu)) << 16;
  }
}
// And from the sum of these messages.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
sample_of_ranks(const uint32_t* message, unsigned ranks, unsigned sequences, uint32_t* next) {
  const unsigned s = block_x() * Threads + thread_x();
  if (s >= sequences) return;
  uint64_t best = 0;
  for (unsigned r = 0; r < ranks; ++r) {
    uint64_t key = 0;
    for (unsigned k = 0; k < 4; ++k) {
      const uint32_t two = message[(size_t{r} * sequences + s) * 4 + k];
      key |= uint64_t{static_cast<uint32_t>(from_bf16(two & 0xffffu)) |
                      static_cast<uint32_t>(from_bf16(two >> 16)) << 8}
             << 16 * k;
    }
    best = key > best ? key : best;
  }
  next[s] = index_of(best);
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
