#include "kernels/cpu/decode/attention.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/decode/attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// after highway.h
#include "kernels/cpu/decode/attention-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// [key_dim / 2][token][2] of rows: pairs of elements, transposed four by four.
HWY_INLINE void lay_out_keys(const std::uint16_t* const* rows, std::size_t key_dim,
                             std::uint32_t* keys) {
  const hn::FixedTag<std::uint32_t, 4> d;
  const hn::Repartition<std::uint64_t, decltype(d)> d64;
  for (std::size_t t = 0; t < chunk; t += 4) {
    for (std::size_t j = 0; j < key_dim / 2; j += 4) {
      const auto load = [&](std::size_t i) HWY_ATTR {
        return hn::LoadU(d, reinterpret_cast<const std::uint32_t*>(rows[t + i]) + j);
      };
      const auto a = load(0), b = load(1), c = load(2), e = load(3);
      const auto ab = hn::BitCast(d64, hn::InterleaveLower(d, a, b));
      const auto ce = hn::BitCast(d64, hn::InterleaveLower(d, c, e));
      const auto ab_upper = hn::BitCast(d64, hn::InterleaveUpper(d, a, b));
      const auto ce_upper = hn::BitCast(d64, hn::InterleaveUpper(d, c, e));
      std::uint32_t* to = keys + j * chunk + t;
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d64, ab, ce)), d, to);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d64, ab, ce)), d, to + chunk);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d64, ab_upper, ce_upper)), d, to + 2 * chunk);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d64, ab_upper, ce_upper)), d, to + 3 * chunk);
    }
  }
}

// [token / 2][dim][2] of the rows' first elements.
HWY_INLINE void lay_out_values(const std::uint16_t* const* rows, std::size_t dim,
                               std::uint16_t* values) {
  const hn::FixedTag<std::uint16_t, 8> d;
  for (std::size_t t = 0; t < chunk; t += 2) {
    for (std::size_t k = 0; k < dim; k += 8) {
      const auto even = hn::LoadU(d, rows[t] + k), odd = hn::LoadU(d, rows[t + 1] + k);
      std::uint16_t* to = values + t * dim + 2 * k;
      hn::StoreU(hn::InterleaveLower(d, even, odd), d, to);
      hn::StoreU(hn::InterleaveUpper(d, even, odd), d, to + 8);
    }
  }
}

Queries prepare(const CacheShape& s, const float* queries, float* partials, float* scratch) {
  Queries q;
  q.scores = scratch;
  q.probabilities = reinterpret_cast<std::uint16_t*>(q.scores + most_queries * chunk);
  q.pairs = reinterpret_cast<std::uint32_t*>(q.probabilities + most_queries * chunk);
  const auto width = static_cast<float>(s.latent() ? s.width : s.head_dim);
  round_scaled(queries, s.group * s.key_dim(), 1.0f / std::sqrt(width), q.pairs);
  for (std::size_t g = 0; g < s.group; ++g) {
    float* partial = partials + g * partial_floats(s);
    std::fill_n(partial, partial_floats(s), 0.0f);
    partial[0] = -INFINITY;
  }
  return q;
}

template <bool Instruction>
HWY_INLINE void attend_piece(const CacheShape& s, const Piece& piece, const std::byte* chunks,
                             const Queries& q, float* partials) {
  for (std::size_t i = 0; i < piece.chunks; ++i) {
    const std::size_t tokens = std::min(chunk, s.context - (piece.first + i) * chunk);
    attend_chunk<Instruction, true>(s, chunks + i * s.chunk_bytes(), tokens, q, partials);
  }
}

void attend_chunks(const CacheShape& s, const Piece& piece, const std::byte* chunks,
                   const float* queries, float* partials, float* scratch) {
  const Queries q = prepare(s, queries, partials, scratch);
  if (has_bf16_dot()) {
    attend_piece<true>(s, piece, chunks, q, partials);
  } else {
    attend_piece<false>(s, piece, chunks, q, partials);
  }
}

void attend_rows(const CacheShape& s, const Piece& piece, const LatentRows& rows,
                 const float* queries, float* partials, float* scratch) {
  const Queries q = prepare(s, queries, partials, scratch);
  auto* keys = q.pairs + s.group * s.key_dim() / 2;
  auto* values = reinterpret_cast<std::uint16_t*>(keys + chunk * s.key_dim() / 2);
  for (std::size_t i = 0; i < piece.chunks; ++i) {
    const std::size_t first = (piece.first + i) * chunk,
                      tokens = std::min(chunk, s.context - first);
    const std::uint16_t* of_token[chunk];
    for (std::size_t t = 0; t < chunk; ++t)  // beyond the last: the last again, which counts once
      of_token[t] = rows.row(piece.head, first + std::min(t, tokens - 1), s.key_dim());
    lay_out_keys(of_token, s.key_dim(), keys);
    lay_out_values(of_token, s.head_dim, values);
    const auto* at = reinterpret_cast<const std::byte*>(keys);
    if (has_bf16_dot()) {
      attend_chunk<true, false>(s, at, tokens, q, partials);
    } else {
      attend_chunk<false, false>(s, at, tokens, q, partials);
    }
  }
}

}  // namespace limen::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limen::kernels {
HWY_EXPORT(attend_chunks);
HWY_EXPORT(attend_rows);

void attend(const CacheShape& shape, const Piece& piece, const std::byte* chunks,
            const float* queries, float* partials, float* scratch) {
  HWY_DYNAMIC_DISPATCH(attend_chunks)(shape, piece, chunks, queries, partials, scratch);
}

void attend(const CacheShape& shape, const Piece& piece, const LatentRows& rows,
            const float* queries, float* partials, float* scratch) {
  HWY_DYNAMIC_DISPATCH(attend_rows)(shape, piece, rows, queries, partials, scratch);
}

}  // namespace limen::kernels
#endif
