// What both families of GEMM kernels share: sums over lanes, and the walk over a shard's rows.
// Included once a target.
#if defined(LIMEN_KERNELS_CPU_TILE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef LIMEN_KERNELS_CPU_TILE_INL
#undef LIMEN_KERNELS_CPU_TILE_INL
#else
#define LIMEN_KERNELS_CPU_TILE_INL
#endif

#include <algorithm>

#include <hwy/highway.h>

#include "kernels/cpu/matrix.hpp"

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Columns in registers: 16 accumulators and their operands need the 32 registers that AVX-512 and
// Arm have.
constexpr std::size_t max_tile =
    HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_ARCH_ARM ? 4 : 2;

template <class D, class V>
HWY_INLINE hn::TFromD<D> total(D d, V v) {
  return hn::GetLane(hn::SumOfLanes(d, v));
}

static_assert(bands == 4, "the tiles add up four rows at once");

// Four sums at once.
template <class D, class V>
HWY_INLINE void totals(D d, V v0, V v1, V v2, V v3, hn::TFromD<D>* to) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_AVX2 || \
    HWY_TARGET == HWY_SSE4
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const hn::Repartition<double, D> d64;
    const auto even = hn::Add(hn::InterleaveLower(d, v0, v1), hn::InterleaveUpper(d, v0, v1));
    const auto odd = hn::Add(hn::InterleaveLower(d, v2, v3), hn::InterleaveUpper(d, v2, v3));
    const auto e = hn::BitCast(d64, even), o = hn::BitCast(d64, odd);
    const auto four =
        hn::Add(hn::BitCast(d, hn::InterleaveLower(d64, e, o)),
                hn::BitCast(d, hn::InterleaveUpper(d64, e, o)));  // a sum of each in every block
    HWY_ALIGN float lanes[HWY_MAX_BYTES / 4];
    hn::Store(four, d, lanes);
    const hn::FixedTag<float, 4> d4;
    auto sum = hn::Load(d4, lanes);
    for (std::size_t block = 4; block < hn::Lanes(d); block += 4) {
      sum = hn::Add(sum, hn::Load(d4, lanes + block));
    }
    hn::StoreU(sum, d4, to);
    return;
  }
#endif
  to[0] = total(d, v0);
  to[1] = total(d, v1);
  to[2] = total(d, v2);
  to[3] = total(d, v3);
}

// Calls tile<C>(first token) until all tokens are done.
template <class Tile>
HWY_INLINE void over_tokens(std::size_t tokens, Tile&& tile) {
  std::size_t t = 0;
  if constexpr (max_tile >= 4) {
    for (; t + 4 <= tokens; t += 4) tile(std::integral_constant<std::size_t, 4>{}, t);
  }
  for (; t + 2 <= tokens; t += 2) tile(std::integral_constant<std::size_t, 2>{}, t);
  if (t < tokens) tile(std::integral_constant<std::size_t, 1>{}, t);
}

// Row i of each band, of weights or of scales, `stride` elements each. Bands differ by one row at
// most: one that has run out gets another's row, and its results are not stored.
template <class T>
HWY_INLINE void next_rows(const Shard& shard, std::size_t i, std::size_t stride,
                          const T* Band::*part, const T** rows) {
  const T* some = nullptr;
  for (std::size_t b = 0; b < bands; ++b) {
    rows[b] = i < shard[b].rows ? shard[b].*part + i * stride : nullptr;
    if (rows[b] != nullptr) some = rows[b];
  }
  for (std::size_t b = 0; b < bands; ++b) rows[b] = rows[b] == nullptr ? some : rows[b];
}

// Results of row i of every band.
template <class T, std::size_t C>
HWY_INLINE void store(const Shape& shape, const Shard& shard, std::size_t i,
                      std::size_t first_token, const T (*out)[bands], T* y) {
  for (std::size_t b = 0; b < bands; ++b) {
    if (i >= shard[b].rows) continue;
    for (std::size_t c = 0; c < C; ++c) {
      y[(first_token + c) * shape.rows + shard[b].first_row + i] = out[c][b];
    }
  }
}

inline std::size_t longest(const Shard& shard) {
  std::size_t rows = 0;
  for (const auto& band : shard) rows = std::max(rows, band.rows);
  return rows;
}

}  // namespace limen::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
