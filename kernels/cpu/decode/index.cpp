#include "kernels/cpu/decode/index.hpp"

#include <algorithm>
#include <functional>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/decode/index.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// after highway.h
#include "kernels/cpu/decode/attention-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// to[token] += weight[query] * max(0, score of the query), for C queries.
template <bool Instruction, std::size_t C>
HWY_INLINE void score_heads(const std::uint32_t* keys, std::size_t dim, const Queries& q,
                            const float* weights, float* to) {
  score<Instruction, true, C>(keys, dim, q);
  const HWY_CAPPED(float, 16) d;
  for (std::size_t t = 0; t < chunk; t += hn::Lanes(d)) {
    auto sum = hn::LoadU(d, to + t);
    for (std::size_t c = 0; c < C; ++c)
      sum = hn::MulAdd(hn::Set(d, weights[c]),
                       hn::Max(hn::LoadU(d, q.scores + c * chunk + t), hn::Zero(d)), sum);
    hn::StoreU(sum, d, to + t);
  }
}

template <bool Instruction>
HWY_INLINE void score_chunk(const IndexShape& s, const std::byte* keys, const Queries& all,
                            const float* weights, float* to) {
  const auto* at = reinterpret_cast<const std::uint32_t*>(keys);
  std::fill_n(to, chunk, 0.0f);
  std::size_t h = 0;
  const auto next = [&] {
    Queries q = all;
    q.pairs += h * s.dim / 2;
    return q;
  };
  for (; h + 4 <= s.heads; h += 4) score_heads<Instruction, 4>(at, s.dim, next(), weights + h, to);
  for (; h < s.heads; ++h) score_heads<Instruction, 1>(at, s.dim, next(), weights + h, to);
}

// `chunks` of a sequence's keys.
void score_chunks(const IndexShape& s, const std::byte* keys, std::size_t chunks,
                  const float* queries, const float* weights, float* scores, float* scratch) {
  Queries q{};
  q.scores = scratch;
  q.pairs = reinterpret_cast<std::uint32_t*>(scratch + most_queries * chunk);
  round_scaled(queries, s.heads * s.dim, 1.0f, q.pairs);
  for (std::size_t i = 0; i < chunks; ++i) {
    const std::byte* at = keys + i * s.chunk_bytes();
    if (has_bf16_dot()) {
      score_chunk<true>(s, at, q, weights, scores + i * chunk);
    } else {
      score_chunk<false>(s, at, q, weights, scores + i * chunk);
    }
  }
}

}  // namespace limen::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limen::kernels {
HWY_EXPORT(score_chunks);

Indexer::Indexer(const IndexShape& shape, std::size_t members)
    : shape_(shape),
      scores_(shape.sequences * shape.cache().chunks() * chunk),
      order_(shape.sequences * shape.context),
      selected_(shape.sequences * shape.selected()) {
  for (std::size_t m = 0; m < members; ++m) {
    pieces_.push_back(pieces_of(shape.cache(), m, members));
    scratch_.emplace_back(most_queries * chunk + shape.heads * shape.dim / 2);
  }
}

std::size_t Indexer::bytes(std::size_t member) const {
  return chunks_in(pieces_[member]) * shape_.chunk_bytes();
}

void Indexer::score(std::size_t member, const std::byte* keys, const float* queries,
                    std::size_t query_stride, const float* weights, std::size_t weight_stride) {
  const std::size_t each = shape_.cache().chunks() * chunk;
  for (const Piece& p : pieces_[member]) HWY_DYNAMIC_DISPATCH(score_chunks)
  (shape_, keys + p.at * shape_.chunk_bytes(), p.chunks, queries + p.head * query_stride,
   weights + p.head * weight_stride, &scores_[p.head * each + p.first * chunk],
   scratch_[member].data());
}

void Indexer::select(std::size_t member) {
  const auto mine = part_of(shape_.sequences, member, pieces_.size());
  const std::size_t n = shape_.context, top = shape_.selected();
  for (std::size_t i = mine.first; i < mine.first + mine.rows; ++i) {
    const float* scores = &scores_[i * shape_.cache().chunks() * chunk];
    float* order = &order_[i * n];
    std::copy_n(scores, n, order);
    std::nth_element(order, order + top - 1, order + n, std::greater<>());
    const float least = order[top - 1];
    const auto above = std::count_if(order, order + top, [&](float s) { return s > least; });
    auto equal = top - static_cast<std::size_t>(above);  // that are selected of those at the least
    std::uint32_t* to = &selected_[i * top];
    for (std::size_t t = 0; t < n; ++t) {
      const bool taken = scores[t] > least || (scores[t] == least && equal > 0);
      if (!taken) continue;
      if (scores[t] == least) --equal;
      *to++ = static_cast<std::uint32_t>(t);
    }
  }
}

}  // namespace limen::kernels
#endif
