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

// Weights are fetched ahead: there is so much arithmetic on a line that out-of-order execution
// alone does not reach far enough (plain formats do not need it, and lose by it). Distances and
// hints were measured; past the end a prefetch does no harm.
template <bool Nibbles>
HWY_INLINE void fetch_ahead(const std::byte* group_start) {
  if constexpr (Nibbles) {
    __builtin_prefetch(group_start + 2048, 0, 3);
  } else {
    __builtin_prefetch(group_start + 1280, 0, 0);
    __builtin_prefetch(group_start + 1344, 0, 0);
  }
}

// x as the kernels read it.
struct Activations {
  std::int16_t* values;  // [token][padded cols]
  float* offsets;        // [token][padded groups]: -8 times the sum of a group's values, for int4
  float* scales;         // [token]
  float* row_scales;     // [band][padded groups]: the scales of the rows at hand, widened
};

Activations lay_out(std::size_t cols, std::size_t tokens, const Workspace& workspace) {
  auto* floats = reinterpret_cast<float*>(workspace.data());
  Activations x;
  x.row_scales = floats;
  x.offsets = x.row_scales + bands * padded_groups(cols);
  x.values = reinterpret_cast<std::int16_t*>(x.offsets + tokens * padded_groups(cols));
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

// -8 times each group's sum.
HWY_INLINE void group_offsets(const std::int16_t* values, std::size_t groups, std::size_t room,
                              float* to) {
  const HWY_FULL(std::int16_t) d16;
  const HWY_FULL(std::int32_t) d32;
  const auto ones = hn::Set(d16, std::int16_t{1});
  for (std::size_t g = 0; g < groups; ++g) {
    auto sum = hn::Zero(d32);
    for (std::size_t k = 0; k < group; k += hn::Lanes(d16)) {
      sum = dot_pairs(d32, hn::LoadU(d16, values + g * group + k), ones, sum);
    }
    to[g] = -8.0f * static_cast<float>(hn::GetLane(hn::SumOfLanes(d32, sum)));
  }
  for (std::size_t g = groups; g < room; ++g) to[g] = 0;
}

HWY_INLINE void widen_scales(const std::uint16_t* from, std::size_t groups, std::size_t room,
                             float* to) {
  const HWY_FULL(float) d;
  const HWY_FULL(std::uint32_t) d32;
  const hn::Rebind<std::uint16_t, decltype(d32)> d16;
  std::size_t g = 0;
  for (; g + hn::Lanes(d) <= groups; g += hn::Lanes(d)) {
    const auto wide = hn::ShiftLeft<16>(hn::PromoteTo(d32, hn::LoadU(d16, from + g)));
    hn::StoreU(hn::BitCast(d, wide), d, to + g);
  }
  for (; g < groups; ++g) {
    const std::uint32_t bits = static_cast<std::uint32_t>(from[g]) << 16;
    std::memcpy(to + g, &bits, 4);
  }
  for (; g < room; ++g) to[g] = 0;
}

// One group of one row against C columns: 32-bit sums.
template <bool Nibbles, std::size_t C, class V32>
HWY_INLINE void group_sums(const std::byte* w, const std::int16_t* const* x, V32* sums) {
  const HWY_FULL(std::int16_t) d16;
  const HWY_FULL(std::int32_t) d32;
  const std::size_t lanes = hn::Lanes(d16);
  for (std::size_t c = 0; c < C; ++c) sums[c] = hn::Zero(d32);
  if constexpr (Nibbles) {
    const HWY_FULL(std::uint16_t) du16;
    const auto mask = hn::Set(du16, std::uint16_t{15});
    for (std::size_t j = 0; j < 32; j += lanes) {
      const auto packed = hn::LoadU(du16, reinterpret_cast<const std::uint16_t*>(w) + j);
      const auto w0 = hn::BitCast(d16, hn::And(packed, mask));
      const auto w1 = hn::BitCast(d16, hn::And(hn::ShiftRight<4>(packed), mask));
      const auto w2 = hn::BitCast(d16, hn::And(hn::ShiftRight<8>(packed), mask));
      const auto w3 = hn::BitCast(d16, hn::ShiftRight<12>(packed));
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
HWY_INLINE void tile(const std::byte* const* w, const float* scales, std::size_t cols,
                     const Activations& x, std::size_t token, float (*out)[bands]) {
  const HWY_FULL(float) d;
  const HWY_FULL(std::int32_t) d32;
  constexpr std::size_t group_bytes = Nibbles ? group / 2 : group;
  const std::size_t room = padded_groups(cols), groups = (cols + group - 1) / group;
  const std::int16_t* xs[C];
  for (std::size_t c = 0; c < C; ++c) xs[c] = x.values + (token + c) * padded(cols);
  hn::Vec<decltype(d)> acc[bands][C];
  for (auto& r : acc) {
    for (auto& c : r) c = hn::Zero(d);
  }
  if constexpr (Nibbles) {  // the zero point: scales times offsets
    for (std::size_t g = 0; g < groups; g += hn::Lanes(d)) {
      for (std::size_t r = 0; r < bands; ++r) {
        const auto scale = hn::LoadU(d, scales + r * room + g);
        for (std::size_t c = 0; c < C; ++c) {
          acc[r][c] =
              hn::MulAdd(scale, hn::LoadU(d, x.offsets + (token + c) * room + g), acc[r][c]);
        }
      }
    }
  }
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t r = 0; r < bands; ++r) {
      fetch_ahead<Nibbles>(w[r] + g * group_bytes);
      hn::Vec<decltype(d32)> sums[C];
      group_sums<Nibbles, C>(w[r] + g * group_bytes, xs, sums);
      const auto scale = hn::Set(d, scales[r * room + g]);
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
  const std::size_t count = longest(shard), groups = shape.groups(),
                    room = padded_groups(shape.cols);
  for (std::size_t i = 0; i < count; ++i) {
    const std::byte* w[bands];
    next_rows(shard, i, shape.row_bytes(), w);
    for (std::size_t b = 0; b < bands; ++b) {
      if (i < shard[b].rows)
        widen_scales(shard[b].scales + i * groups, groups, room, x.row_scales + b * room);
    }
    over_tokens(tokens, [&](auto width, std::size_t t) HWY_ATTR {
      constexpr std::size_t C = decltype(width)::value;
      float out[C][bands];
      tile<Nibbles, C>(w, x.row_scales, shape.cols, x, t, out);
      store<float, C>(shape, shard, i, t, out, y);
    });
  }
}

void shard_quantized(const Shape& shape, const Shard& shard, const void* x, std::size_t tokens,
                     void* y, const Workspace& workspace) {
  const auto a = lay_out(shape.cols, tokens, workspace);
  const std::size_t room = padded_groups(shape.cols);
  const bool nibbles = shape.format == Format::int4;
  for (std::size_t t = 0; t < tokens; ++t) {
    auto* values = a.values + t * padded(shape.cols);
    a.scales[t] = quantize(static_cast<const float*>(x) + t * shape.cols, shape.cols, values);
    if (nibbles) group_offsets(values, shape.groups(), room, a.offsets + t * room);
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
