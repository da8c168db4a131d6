#include "kernels/cpu/gemm_parts.hpp"

#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm_quantized.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/dot-inl.hpp"
#include "kernels/cpu/tile-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Weights are fetched ahead, into the second cache: there is so much arithmetic on a line that
// out-of-order execution alone does not reach far enough (plain formats do not need it), and what a
// core can await in its first cache is too little where memory is slow to answer. Distance and hint
// were measured; past the end a prefetch does no harm.
template <std::size_t Bytes>
HWY_INLINE void fetch_ahead(const std::byte* group_start) {
  for (std::size_t line = 0; line < Bytes; line += 64)
    __builtin_prefetch(group_start + 2048 + line, 0, 2);
}

// x as the kernels read it.
struct Activations {
  std::int16_t* values;  // [token][padded cols]
  float* scales;         // [token]
};

Activations lay_out(std::size_t cols, std::size_t tokens, const Workspace& workspace) {
  Activations x;
  x.values = reinterpret_cast<std::int16_t*>(workspace.data());
  x.scales = reinterpret_cast<float*>(x.values + tokens * padded(cols));
  return x;
}

// Rounds a column to 16-bit integers. The scale is a power of two: it costs one bit of sixteen, and
// small integers stay exact.
HWY_INLINE float quantize(const float* x, std::size_t cols, std::int16_t* to) {
  const HWY_FULL(float) d;
  const HWY_FULL(std::int16_t) d16;
  const hn::Half<decltype(d16)> d16h;
  const std::size_t lanes = hn::Lanes(d);
  auto largest = hn::Zero(d);
  std::size_t k = 0;
  for (; k + lanes <= cols; k += lanes) largest = hn::Max(largest, hn::Abs(hn::LoadU(d, x + k)));
  float peak = hn::GetLane(hn::MaxOfLanes(d, largest));
  for (; k < cols; ++k) peak = std::max(peak, std::fabs(x[k]));
  int exponent = 0;
  std::frexp(peak / 32767.0f, &exponent);  // 2^exponent >= peak / 32767
  const float scale = std::ldexp(1.0f, exponent), inverse = std::ldexp(1.0f, -exponent);
  const auto factor = hn::Set(d, inverse);
  for (k = 0; k + lanes <= cols; k += lanes) {
    const auto rounded = hn::NearestInt(hn::Mul(hn::LoadU(d, x + k), factor));
    hn::StoreU(hn::DemoteTo(d16h, rounded), d16h, to + k);
  }
  for (; k < cols; ++k) to[k] = static_cast<std::int16_t>(std::lrint(x[k] * inverse));
  for (; k < padded(cols); ++k) to[k] = 0;
  return scale;
}

// A stored scale in all lanes. Not widened into a buffer first: stores that wait for scales from
// DRAM held back the loads of weights behind them.
template <class D>
HWY_INLINE hn::Vec<D> scale_of(D d, const std::uint16_t* stored) {
  const hn::Repartition<std::uint16_t, D> d16;
  const hn::Repartition<std::uint32_t, D> d32;
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::BitCast(d32, hn::Set(d16, *stored))));
}

// One group of one row against C columns: 32-bit sums.
template <bool Nibbles, std::size_t C, class V32>
HWY_INLINE void group_sums(const std::byte* w, const std::int16_t* const* x, V32* sums) {
  const HWY_FULL(std::int16_t) d16;
  const HWY_FULL(std::int32_t) d32;
  const std::size_t lanes = hn::Lanes(d16);
  for (std::size_t c = 0; c < C; ++c) sums[c] = hn::Zero(d32);
  if constexpr (Nibbles) {
    for (std::size_t j = 0; j < 32; j += lanes) {  // the shift up leaves the sign on top
      const auto packed = hn::LoadU(d16, reinterpret_cast<const std::int16_t*>(w) + j);
      const auto w0 = hn::ShiftRight<12>(hn::ShiftLeft<12>(packed));
      const auto w1 = hn::ShiftRight<12>(hn::ShiftLeft<8>(packed));
      const auto w2 = hn::ShiftRight<12>(hn::ShiftLeft<4>(packed));
      const auto w3 = hn::ShiftRight<12>(packed);
      for (std::size_t c = 0; c < C; ++c) {
        sums[c] = dot_pairs(d32, w0, hn::LoadU(d16, x[c] + j), sums[c]);
        sums[c] = dot_pairs(d32, w1, hn::LoadU(d16, x[c] + 32 + j), sums[c]);
        sums[c] = dot_pairs(d32, w2, hn::LoadU(d16, x[c] + 64 + j), sums[c]);
        sums[c] = dot_pairs(d32, w3, hn::LoadU(d16, x[c] + 96 + j), sums[c]);
      }
    }
  } else {
    const hn::Rebind<std::int8_t, decltype(d16)> d8;
    for (std::size_t j = 0; j < group; j += lanes) {
      const auto wide =
          hn::PromoteTo(d16, hn::LoadU(d8, reinterpret_cast<const std::int8_t*>(w) + j));
      for (std::size_t c = 0; c < C; ++c) {
        sums[c] = dot_pairs(d32, wide, hn::LoadU(d16, x[c] + j), sums[c]);
      }
    }
  }
}

template <bool Nibbles, std::size_t C>
HWY_INLINE void tile(const std::byte* const* w, const std::uint16_t* const* scales,
                     std::size_t cols, const Activations& x, std::size_t token,
                     float (*out)[bands]) {
  const HWY_FULL(float) d;
  const HWY_FULL(std::int32_t) d32;
  constexpr std::size_t group_bytes = Nibbles ? group / 2 : group;
  const std::size_t groups = (cols + group - 1) / group;
  const std::int16_t* xs[C];
  for (std::size_t c = 0; c < C; ++c) xs[c] = x.values + (token + c) * padded(cols);
  hn::Vec<decltype(d)> acc[bands][C];
  for (auto& r : acc) {
    for (auto& c : r) c = hn::Zero(d);
  }
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t r = 0; r < bands; ++r) {
      fetch_ahead<group_bytes>(w[r] + g * group_bytes);
      hn::Vec<decltype(d32)> sums[C];
      group_sums<Nibbles, C>(w[r] + g * group_bytes, xs, sums);
      const auto scale = scale_of(d, scales[r] + g);
      for (std::size_t c = 0; c < C; ++c)
        acc[r][c] = hn::MulAdd(hn::ConvertTo(d, sums[c]), scale, acc[r][c]);
    }
    for (std::size_t c = 0; c < C; ++c) xs[c] += group;
  }
  for (std::size_t c = 0; c < C; ++c) {
    totals(d, acc[0][c], acc[1][c], acc[2][c], acc[3][c], out[c]);
    for (std::size_t r = 0; r < bands; ++r) out[c][r] *= x.scales[token + c];
  }
}

template <bool Nibbles>
void rows(const Shape& shape, const Shard& shard, const Activations& x, std::size_t tokens,
          float* y) {
  const std::size_t count = longest(shard);
  for (std::size_t i = 0; i < count; ++i) {
    const std::byte* w[bands];
    const std::uint16_t* scales[bands];
    next_rows(shard, i, shape.row_bytes(), &Band::weights, w);
    next_rows(shard, i, shape.groups(), &Band::scales, scales);
    over_tokens(tokens, [&](auto width, std::size_t t) HWY_ATTR {
      constexpr std::size_t C = decltype(width)::value;
      float out[C][bands];
      tile<Nibbles, C>(w, scales, shape.cols, x, t, out);
      store<float, C>(shape, shard, i, t, out, y);
    });
  }
}

void shard_quantized(const Shape& shape, const Shard& shard, const void* x, std::size_t tokens,
                     void* y, const Workspace& workspace) {
  const auto a = lay_out(shape.cols, tokens, workspace);
  const bool nibbles = shape.format == Format::int4;
  for (std::size_t t = 0; t < tokens; ++t) {
    auto* values = a.values + t * padded(shape.cols);
    a.scales[t] = quantize(static_cast<const float*>(x) + t * shape.cols, shape.cols, values);
  }
  if (nibbles) {
    rows<true>(shape, shard, a, tokens, static_cast<float*>(y));
  } else {
    rows<false>(shape, shard, a, tokens, static_cast<float*>(y));
  }
}

}  // namespace limen::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limen::kernels {
HWY_EXPORT(shard_quantized);

void gemm_shard_quantized(const Shape& shape, const Shard& shard, const void* x, std::size_t tokens,
                          void* y, const Workspace& workspace) {
  HWY_DYNAMIC_DISPATCH(shard_quantized)(shape, shard, x, tokens, y, workspace);
}

}  // namespace limen::kernels
#endif
