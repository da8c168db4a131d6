#include "kernels/cpu/decode/attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/decode/attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// after highway.h
#include <hwy/contrib/math/math-inl.h>

#include "kernels/cpu/bf16-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t most_queries = 4;  // at a time

// Keys and values are fetched ahead: between one chunk and the next lie exponentials, over which
// out-of-order execution does not reach. The distance was measured.
HWY_INLINE void fetch_ahead(const std::uint32_t* line) {
  constexpr std::size_t distance = 4096;  // bytes
  __builtin_prefetch(reinterpret_cast<const std::byte*>(line) + distance, 0, 3);
}

// Of one tile of queries, as the kernel reads them.
struct Queries {
  std::uint32_t* pairs;          // [query][head_dim / 2], scaled
  float* scores;                 // [query][chunk]
  std::uint16_t* probabilities;  // [query][chunk]
};

// scores[query][token] = query . key
template <bool Instruction, std::size_t C>
HWY_INLINE void score(const std::uint32_t* keys, std::size_t head_dim, const Queries& q) {
  const HWY_CAPPED(float, 16) d;
  const hn::RebindToUnsigned<decltype(d)> d32;
  const std::size_t lanes = hn::Lanes(d), half = head_dim / 2;
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
        fetch_ahead(at);
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
  const float shrink = std::exp(found.largest - largest);  // 0 at first
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
template <bool Instruction, std::size_t C, std::size_t V>
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
      fetch_ahead(at);
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

// One chunk for C queries, whose partials begin at `partials`.
template <bool Instruction, std::size_t C>
HWY_INLINE void attend_chunk(const CacheShape& s, const std::byte* at, std::size_t tokens,
                             const Queries& q, float* partials) {
  const HWY_CAPPED(float, 16) d;
  const std::size_t lanes = hn::Lanes(d), stride = partial_floats(s);
  const auto* keys = reinterpret_cast<const std::uint32_t*>(at);
  const auto* values = keys + chunk * s.head_dim / 2;
  score<Instruction, C>(keys, s.head_dim, q);
  float shrink[C];
  for (std::size_t c = 0; c < C; ++c) {
    Partial found;
    std::memcpy(&found, partials + c * stride, sizeof found);
    shrink[c] = soften(q.scores + c * chunk, tokens, q.probabilities + c * chunk, found);
    std::memcpy(partials + c * stride, &found, sizeof found);
  }
  std::size_t d0 = 0;
  for (; d0 + 4 * lanes <= s.head_dim; d0 += 4 * lanes)
    weigh<Instruction, C, 4>(values, s.head_dim, d0, q.probabilities, shrink, partials + 2, stride);
  for (; d0 < s.head_dim; d0 += lanes)
    weigh<Instruction, C, 1>(values, s.head_dim, d0, q.probabilities, shrink, partials + 2, stride);
}

// Rounds queries to bf16, scaled by 1 / sqrt(head_dim).
void prepare(const CacheShape& s, const float* queries, std::uint32_t* pairs) {
  const HWY_CAPPED(float, 16) d;
  const hn::RebindToUnsigned<decltype(d)> d32;
  const hn::Rebind<std::uint16_t, decltype(d32)> d16;
  const auto scale = hn::Set(d, 1.0f / std::sqrt(static_cast<float>(s.head_dim)));
  auto* to = reinterpret_cast<std::uint16_t*>(pairs);
  for (std::size_t k = 0; k < s.group * s.head_dim; k += hn::Lanes(d)) {
    const auto scaled = hn::Mul(hn::LoadU(d, queries + k), scale);
    hn::StoreU(hn::TruncateTo(d16, to_bf16(d, scaled)), d16, to + k);
  }
}

template <bool Instruction>
HWY_INLINE void attend_piece(const CacheShape& s, const Piece& piece, const std::byte* chunks,
                             float* partials, const Queries& all) {
  const std::size_t stride = partial_floats(s), half = s.head_dim / 2;
  for (std::size_t i = 0; i < piece.chunks; ++i) {
    const std::byte* at = chunks + i * s.chunk_bytes();
    const std::size_t tokens = std::min(chunk, s.context - (piece.first + i) * chunk);
    Queries q = all;
    std::size_t g = 0;
    const auto step = [&](std::size_t n) {
      g += n;
      q.pairs = all.pairs + g * half;
    };
    for (; g + 4 <= s.group; step(4))
      attend_chunk<Instruction, 4>(s, at, tokens, q, partials + g * stride);
    for (; g + 2 <= s.group; step(2))
      attend_chunk<Instruction, 2>(s, at, tokens, q, partials + g * stride);
    if (g < s.group) attend_chunk<Instruction, 1>(s, at, tokens, q, partials + g * stride);
  }
}

void attend_head(const CacheShape& s, const Piece& piece, const std::byte* chunks,
                 const float* queries, float* partials, float* scratch) {
  Queries q;
  q.scores = scratch;
  q.probabilities = reinterpret_cast<std::uint16_t*>(q.scores + most_queries * chunk);
  q.pairs = reinterpret_cast<std::uint32_t*>(q.probabilities + most_queries * chunk);
  prepare(s, queries, q.pairs);
  for (std::size_t g = 0; g < s.group; ++g) {
    float* partial = partials + g * partial_floats(s);
    std::fill_n(partial, partial_floats(s), 0.0f);
    partial[0] = -INFINITY;
  }
  if (has_bf16_dot()) {
    attend_piece<true>(s, piece, chunks, partials, q);
  } else {
    attend_piece<false>(s, piece, chunks, partials, q);
  }
}

}  // namespace limen::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limen::kernels {
HWY_EXPORT(attend_head);

void attend(const CacheShape& shape, const Piece& piece, const std::byte* chunks,
            const float* queries, float* partials, float* scratch) {
  HWY_DYNAMIC_DISPATCH(attend_head)(shape, piece, chunks, queries, partials, scratch);
}

std::size_t attention_scratch(const CacheShape& shape) {
  return 4 * chunk + 4 * chunk / 2 + shape.group * shape.head_dim / 2;
}

void merge_partials(const CacheShape& shape, const float* const* partials, std::size_t count,
                    float* result) {
  float largest = -INFINITY, sum = 0;
  for (std::size_t i = 0; i < count; ++i) largest = std::max(largest, partials[i][0]);
  std::fill_n(result, shape.head_dim, 0.0f);
  for (std::size_t i = 0; i < count; ++i) {
    const float share = std::exp(partials[i][0] - largest);
    sum += share * partials[i][1];
    for (std::size_t d = 0; d < shape.head_dim; ++d) result[d] += share * partials[i][2 + d];
  }
  for (std::size_t d = 0; d < shape.head_dim; ++d) result[d] /= sum;
}

AttentionPlan::AttentionPlan(const CacheShape& shape, std::size_t members) : shape_(shape) {
  of_head_.resize(shape.heads());
  for (std::size_t m = 0; m < members; ++m) {
    pieces_.push_back(pieces_of(shape, m, members));
    partials_.emplace_back(pieces_[m].size() * shape.group * partial_floats(shape));
    scratch_.emplace_back(attention_scratch(shape));
    for (std::size_t i = 0; i < pieces_[m].size(); ++i)
      of_head_[pieces_[m][i].head].push_back(partials_[m].data() +
                                             i * shape.group * partial_floats(shape));
  }
}

std::size_t AttentionPlan::bytes(std::size_t member) const {
  std::size_t chunks = 0;
  for (const Piece& p : pieces_[member]) chunks += p.chunks;
  return chunks * shape_.chunk_bytes();
}

void AttentionPlan::attend(std::size_t member, const std::byte* memory, const float* queries,
                           std::size_t stride) {
  float* partials = partials_[member].data();
  for (const Piece& piece : pieces_[member]) {
    const float* of_head = queries + piece.head / shape_.kv_heads * stride +
                           piece.head % shape_.kv_heads * shape_.group * shape_.head_dim;
    kernels::attend(shape_, piece, memory + piece.at * shape_.chunk_bytes(), of_head, partials,
                    scratch_[member].data());
    partials += shape_.group * partial_floats(shape_);
  }
}

void AttentionPlan::merge(std::size_t member, float* results, std::size_t stride) {
  const auto mine = part_of(shape_.heads(), member, pieces_.size());
  std::vector<const float*> partials;
  for (std::size_t h = mine.first; h < mine.first + mine.rows; ++h) {
    float* result = results + h / shape_.kv_heads * stride +
                    h % shape_.kv_heads * shape_.group * shape_.head_dim;
    partials = of_head_[h];
    for (std::size_t g = 0; g < shape_.group; ++g) {
      merge_partials(shape_, partials.data(), partials.size(), result + g * shape_.head_dim);
      for (auto& p : partials) p += partial_floats(shape_);
    }
  }
}

}  // namespace limen::kernels
#endif
