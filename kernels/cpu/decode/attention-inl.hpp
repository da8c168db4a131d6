// Scores, softmax and values of one chunk of a cache, for every Highway target. Included once a
// target.
#if defined(LIMEN_KERNELS_CPU_ATTENTION_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef LIMEN_KERNELS_CPU_ATTENTION_INL
#undef LIMEN_KERNELS_CPU_ATTENTION_INL
#else
#define LIMEN_KERNELS_CPU_ATTENTION_INL
#endif

#include <algorithm>
#include <cmath>
#include <cstring>

#include <hwy/highway.h>
// after highway.h
#include <hwy/contrib/math/math-inl.h>

#include "kernels/cpu/bf16-inl.hpp"
#include "kernels/cpu/decode/attention.hpp"

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Keys and values that come from memory are fetched ahead: between one chunk and the next lie
// exponentials, over which out-of-order execution does not reach. The distance was measured.
template <bool FromMemory>
HWY_INLINE void fetch_ahead(const std::uint32_t* line) {
  constexpr std::size_t distance = 4096;  // bytes
  if constexpr (FromMemory)
    __builtin_prefetch(reinterpret_cast<const std::byte*>(line) + distance, 0, 3);
}

// Of one tile of queries, as the kernel reads them.
struct Queries {
  std::uint32_t* pairs;          // [query][key_dim / 2], scaled
  float* scores;                 // [query][chunk]
  std::uint16_t* probabilities;  // [query][chunk]
};

// scores[query][token] = query . key
template <bool Instruction, bool FromMemory, std::size_t C>
HWY_INLINE void score(const std::uint32_t* keys, std::size_t key_dim, const Queries& q) {
  const HWY_CAPPED(float, 16) d;
  const hn::RebindToUnsigned<decltype(d)> d32;
  const std::size_t lanes = hn::Lanes(d), half = key_dim / 2;
  constexpr std::size_t vectors = 4;
  for (std::size_t t = 0; t < chunk; t += vectors * lanes) {
    hn::Vec<decltype(d)> sum[C][vectors];
    for (auto& c : sum) {
      for (auto& v : c) v = hn::Zero(d);
    }
    for (std::size_t j = 0; j < half; ++j) {
      hn::Vec<decltype(d32)> key[vectors];
      for (std::size_t v = 0; v < vectors; ++v) {
        const auto* at = keys + j * chunk + t + v * lanes;
        fetch_ahead<FromMemory>(at);
        key[v] = hn::LoadU(d32, at);
      }
      for (std::size_t c = 0; c < C; ++c) {
        const auto query = hn::Set(d32, q.pairs[c * half + j]);
        for (std::size_t v = 0; v < vectors; ++v)
          sum[c][v] = dot_bf16<Instruction>(d, key[v], query, sum[c][v]);
      }
    }
    for (std::size_t c = 0; c < C; ++c) {
      for (std::size_t v = 0; v < vectors; ++v)
        hn::StoreU(sum[c][v], d, q.scores + c * chunk + t + v * lanes);
    }
  }
}

// One chunk's scores to probabilities; `tokens` of them count. Returns by what former results
// shrink.
HWY_INLINE float soften(float* scores, std::size_t tokens, std::uint16_t* probabilities,
                        Partial& found) {
  const HWY_CAPPED(float, 16) d;
  const hn::RebindToUnsigned<decltype(d)> d32;
  const hn::Rebind<std::uint16_t, decltype(d32)> d16;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t t = tokens; t < chunk; ++t) scores[t] = -INFINITY;
  auto peak = hn::LoadU(d, scores);
  for (std::size_t t = lanes; t < chunk; t += lanes) peak = hn::Max(peak, hn::LoadU(d, scores + t));
  const float largest = std::max(found.largest, hn::GetLane(hn::MaxOfLanes(d, peak)));
  // 0 at first
  const float shrink = largest == found.largest ? 1.0f : std::exp(found.largest - largest);
  auto sum = hn::Zero(d);
  const auto offset = hn::Set(d, largest), least = hn::Set(d, -80.0f);
  for (std::size_t t = 0; t < chunk; t += lanes) {
    const auto score = hn::Sub(hn::LoadU(d, scores + t), offset);
    const auto p = hn::IfThenElseZero(hn::Ge(score, least), hn::Exp(d, hn::Max(score, least)));
    sum = hn::Add(sum, p);
    hn::StoreU(hn::TruncateTo(d16, to_bf16(d, p)), d16, probabilities + t);
  }
  found = {largest, found.sum * shrink + hn::GetLane(hn::SumOfLanes(d, sum))};
  return shrink;
}

// result[query] = result[query] * shrink[query] + probabilities . values, for V vectors of
// dimensions from d0 on.
template <bool Instruction, bool FromMemory, std::size_t C, std::size_t V>
HWY_INLINE void weigh(const std::uint32_t* values, std::size_t head_dim, std::size_t d0,
                      const std::uint16_t* probabilities, const float* shrink, float* result,
                      std::size_t stride) {
  const HWY_CAPPED(float, 16) d;
  const hn::RebindToUnsigned<decltype(d)> d32;
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<decltype(d)> sum[C][V];
  for (std::size_t c = 0; c < C; ++c) {
    for (std::size_t v = 0; v < V; ++v)
      sum[c][v] =
          hn::Mul(hn::LoadU(d, result + c * stride + d0 + v * lanes), hn::Set(d, shrink[c]));
  }
  for (std::size_t i = 0; i < chunk / 2; ++i) {
    hn::Vec<decltype(d32)> value[V];
    for (std::size_t v = 0; v < V; ++v) {
      const auto* at = values + i * head_dim + d0 + v * lanes;
      fetch_ahead<FromMemory>(at);
      value[v] = hn::LoadU(d32, at);
    }
    for (std::size_t c = 0; c < C; ++c) {
      std::uint32_t pair;
      std::memcpy(&pair, probabilities + c * chunk + 2 * i, 4);
      const auto p = hn::Set(d32, pair);
      for (std::size_t v = 0; v < V; ++v)
        sum[c][v] = dot_bf16<Instruction>(d, value[v], p, sum[c][v]);
    }
  }
  for (std::size_t c = 0; c < C; ++c) {
    for (std::size_t v = 0; v < V; ++v)
      hn::StoreU(sum[c][v], d, result + c * stride + d0 + v * lanes);
  }
}

// One chunk, as key_at() and value_at() have it, for C queries, whose partials begin at `partials`.
template <bool Instruction, bool FromMemory, std::size_t C>
HWY_INLINE void attend_tile(const CacheShape& s, const std::byte* at, std::size_t tokens,
                            const Queries& q, float* partials) {
  const HWY_CAPPED(float, 16) d;
  const std::size_t lanes = hn::Lanes(d), stride = partial_floats(s);
  const auto* keys = reinterpret_cast<const std::uint32_t*>(at);
  const auto* values = keys + chunk * s.key_dim() / 2;
  score<Instruction, FromMemory, C>(keys, s.key_dim(), q);
  float shrink[C];
  for (std::size_t c = 0; c < C; ++c) {
    Partial found;
    std::memcpy(&found, partials + c * stride, sizeof found);
    shrink[c] = soften(q.scores + c * chunk, tokens, q.probabilities + c * chunk, found);
    std::memcpy(partials + c * stride, &found, sizeof found);
  }
  std::size_t d0 = 0;
  for (; d0 + 4 * lanes <= s.head_dim; d0 += 4 * lanes)
    weigh<Instruction, FromMemory, C, 4>(values, s.head_dim, d0, q.probabilities, shrink,
                                         partials + 2, stride);
  for (; d0 < s.head_dim; d0 += lanes)
    weigh<Instruction, FromMemory, C, 1>(values, s.head_dim, d0, q.probabilities, shrink,
                                         partials + 2, stride);
}

// One chunk for all queries of a head.
template <bool Instruction, bool FromMemory>
HWY_INLINE void attend_chunk(const CacheShape& s, const std::byte* at, std::size_t tokens,
                             const Queries& all, float* partials) {
  const std::size_t stride = partial_floats(s), half = s.key_dim() / 2;
  Queries q = all;
  std::size_t g = 0;
  const auto step = [&](std::size_t n) {
    g += n;
    q.pairs = all.pairs + g * half;
  };
  for (; !FromMemory && g + 6 <= s.group; step(6))
    attend_tile<Instruction, FromMemory, 6>(s, at, tokens, q, partials + g * stride);
  for (; g + 4 <= s.group; step(4))
    attend_tile<Instruction, FromMemory, 4>(s, at, tokens, q, partials + g * stride);
  for (; g + 2 <= s.group; step(2))
    attend_tile<Instruction, FromMemory, 2>(s, at, tokens, q, partials + g * stride);
  if (g < s.group) attend_tile<Instruction, FromMemory, 1>(s, at, tokens, q, partials + g * stride);
}

// n numbers, a multiple of 16, times `scale` as bf16.
inline void round_scaled(const float* from, std::size_t n, float scale, std::uint32_t* pairs) {
  const HWY_CAPPED(float, 16) d;
  const hn::RebindToUnsigned<decltype(d)> d32;
  const hn::Rebind<std::uint16_t, decltype(d32)> d16;
  const auto factor = hn::Set(d, scale);
  auto* to = reinterpret_cast<std::uint16_t*>(pairs);
  for (std::size_t k = 0; k < n; k += hn::Lanes(d))
    hn::StoreU(hn::TruncateTo(d16, to_bf16(d, hn::Mul(hn::LoadU(d, from + k), factor))), d16,
               to + k);
}

}  // namespace limen::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
