#include "kernels/cpu/decode/pointwise.hpp"
#include "kernels/cpu/gemm_parts.hpp"

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm_float.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/tile-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// fp32 and fp64: out[row][column] = w[row] . x[column]
template <class T, std::size_t C>
HWY_INLINE void tile(const T* const* w, const T* const* x, std::size_t cols, T (*out)[bands]) {
  const HWY_FULL(T) d;
  const std::size_t lanes = hn::Lanes(d);
  constexpr std::size_t unroll = bands * C < 8 ? 2 : 1;  // eight accumulators hide the latency
  hn::Vec<decltype(d)> acc[unroll][bands][C];
  for (auto& u : acc) {
    for (auto& r : u) {
      for (auto& c : r) c = hn::Zero(d);
    }
  }
  std::size_t k = 0;
  for (; k + unroll * lanes <= cols; k += unroll * lanes) {
    for (std::size_t u = 0; u < unroll; ++u) {
      hn::Vec<decltype(d)> xs[C];
      for (std::size_t c = 0; c < C; ++c) xs[c] = hn::LoadU(d, x[c] + k + u * lanes);
      for (std::size_t r = 0; r < bands; ++r) {
        const auto ws = hn::LoadU(d, w[r] + k + u * lanes);
        for (std::size_t c = 0; c < C; ++c) acc[u][r][c] = hn::MulAdd(ws, xs[c], acc[u][r][c]);
      }
    }
  }
  if constexpr (unroll == 2) {
    for (std::size_t r = 0; r < bands; ++r) acc[0][r][0] = hn::Add(acc[0][r][0], acc[1][r][0]);
  }
  for (std::size_t c = 0; c < C; ++c) {
    totals(d, acc[0][0][c], acc[0][1][c], acc[0][2][c], acc[0][3][c], out[c]);
  }
  for (; k < cols; ++k) {
    for (std::size_t c = 0; c < C; ++c) {
      for (std::size_t r = 0; r < bands; ++r) out[c][r] += w[r][k] * x[c][k];
    }
  }
}

HWY_INLINE float widen(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

// What is left of a row from element k on.
template <std::size_t C>
HWY_INLINE void add_tail(const std::uint16_t* const* w, const std::uint16_t* const* x,
                         std::size_t k, std::size_t cols, float (*out)[bands]) {
  for (; k < cols; ++k) {
    for (std::size_t c = 0; c < C; ++c) {
      for (std::size_t r = 0; r < bands; ++r) out[c][r] += widen(w[r][k]) * widen(x[c][k]);
    }
  }
}

// bf16 times bf16, added in fp32. A 32-bit lane holds an even element below an odd one.
template <std::size_t C>
HWY_INLINE void tile_bf16(const std::uint16_t* const* w, const std::uint16_t* const* x,
                          std::size_t cols, float (*out)[bands]) {
  const HWY_FULL(float) d;
  const HWY_FULL(std::uint16_t) d16;
  const HWY_FULL(std::uint32_t) d32;
  const std::size_t lanes = hn::Lanes(d);
  const auto high = hn::Set(d32, 0xFFFF0000u);
  constexpr std::size_t split = C == 1 ? 2 : 1;
  hn::Vec<decltype(d)> acc[split][bands][C];
  for (auto& u : acc) {
    for (auto& r : u) {
      for (auto& c : r) c = hn::Zero(d);
    }
  }
  std::size_t k = 0;
  for (; k + 2 * lanes <= cols; k += 2 * lanes) {
    hn::Vec<decltype(d)> even[C], odd[C];
    for (std::size_t c = 0; c < C; ++c) {
      const auto pair = hn::BitCast(d32, hn::LoadU(d16, x[c] + k));
      even[c] = hn::BitCast(d, hn::ShiftLeft<16>(pair));
      odd[c] = hn::BitCast(d, hn::And(pair, high));
    }
    for (std::size_t r = 0; r < bands; ++r) {
      const auto pair = hn::BitCast(d32, hn::LoadU(d16, w[r] + k));
      const auto lower = hn::BitCast(d, hn::ShiftLeft<16>(pair));
      const auto upper = hn::BitCast(d, hn::And(pair, high));
      for (std::size_t c = 0; c < C; ++c) {
        acc[0][r][c] = hn::MulAdd(lower, even[c], acc[0][r][c]);
        acc[split - 1][r][c] = hn::MulAdd(upper, odd[c], acc[split - 1][r][c]);
      }
    }
  }
  if constexpr (split == 2) {
    for (std::size_t r = 0; r < bands; ++r) acc[0][r][0] = hn::Add(acc[0][r][0], acc[1][r][0]);
  }
  for (std::size_t c = 0; c < C; ++c) {
    totals(d, acc[0][0][c], acc[0][1][c], acc[0][2][c], acc[0][3][c], out[c]);
  }
  add_tail<C>(w, x, k, cols, out);
}

#if HWY_TARGET == HWY_AVX3_DL
// The same with the instruction for it, which Zen 4, Cooper Lake and later have and which Highway
// does not know yet: a line of weights takes two operations where it took five.
template <std::size_t C>
__attribute__((target(HWY_TARGET_STR ",avx512bf16"))) void tile_bf16_dot(const std::uint16_t* const* w,
                                                         const std::uint16_t* const* x,
                                                         std::size_t cols, float (*out)[bands]) {
  const HWY_FULL(float) d;
  constexpr std::size_t lanes = 32, unroll = C == 1 ? 2 : 1;
  __m512 acc[unroll][bands][C];
  for (auto& u : acc) {
    for (auto& r : u) {
      for (auto& c : r) c = _mm512_setzero_ps();
    }
  }
  std::size_t k = 0;
  for (; k + unroll * lanes <= cols; k += unroll * lanes) {
    for (std::size_t u = 0; u < unroll; ++u) {
      __m512bh xs[C];
      for (std::size_t c = 0; c < C; ++c)
        xs[c] = (__m512bh)_mm512_loadu_si512(x[c] + k + u * lanes);
      for (std::size_t r = 0; r < bands; ++r) {
        const auto ws = (__m512bh)_mm512_loadu_si512(w[r] + k + u * lanes);
        for (std::size_t c = 0; c < C; ++c)
          acc[u][r][c] = _mm512_dpbf16_ps(acc[u][r][c], ws, xs[c]);
      }
    }
  }
  if constexpr (unroll == 2) {
    for (std::size_t r = 0; r < bands; ++r)
      acc[0][r][0] = _mm512_add_ps(acc[0][r][0], acc[1][r][0]);
  }
  using V = hn::Vec<decltype(d)>;
  for (std::size_t c = 0; c < C; ++c) {
    totals(d, V{acc[0][0][c]}, V{acc[0][1][c]}, V{acc[0][2][c]}, V{acc[0][3][c]}, out[c]);
  }
  add_tail<C>(w, x, k, cols, out);
}
#endif

template <std::size_t C>
HWY_INLINE void best_tile_bf16(const std::uint16_t* const* w, const std::uint16_t* const* x,
                               std::size_t cols, float (*out)[bands]) {
#if HWY_TARGET == HWY_AVX3_DL
  static const bool dot = __builtin_cpu_supports("avx512bf16");
  if (dot) return tile_bf16_dot<C>(w, x, cols, out);
#endif
  tile_bf16<C>(w, x, cols, out);
}

// W is what matrix and x hold, T what they are added in; x has `stride` elements a token.
template <class W, class T>
void rows(const Shape& shape, const Shard& shard, const W* x, std::size_t stride,
          std::size_t tokens, T* y) {
  const std::size_t count = longest(shard);
  for (std::size_t i = 0; i < count; ++i) {
    const std::byte* starts[bands];
    const W* w[bands];
    next_rows(shard, i, shape.row_bytes(), &Band::weights, starts);
    for (std::size_t b = 0; b < bands; ++b) w[b] = reinterpret_cast<const W*>(starts[b]);
    over_tokens(tokens, [&](auto width, std::size_t t) HWY_ATTR {
      constexpr std::size_t C = decltype(width)::value;
      const W* xs[C];
      T out[C][bands];
      for (std::size_t c = 0; c < C; ++c) xs[c] = x + (t + c) * stride;
      if constexpr (sizeof(W) == 2) {
        best_tile_bf16<C>(w, xs, shape.cols, out);
      } else {
        tile<T, C>(w, xs, shape.cols, out);
      }
      store<T, C>(shape, shard, i, t, out, y);
    });
  }
}

void shard_float(const Shape& shape, const Shard& shard, const void* x, std::size_t tokens, void* y,
                 const Workspace& workspace) {
  if (shape.format == Format::fp64) {
#if HWY_HAVE_FLOAT64
    rows<double, double>(shape, shard, static_cast<const double*>(x), shape.cols, tokens,
                         static_cast<double*>(y));
#endif
  } else if (shape.format == Format::bf16) {
    auto* rounded = reinterpret_cast<std::uint16_t*>(workspace.data());
    kernels::round_to_bf16(static_cast<const float*>(x), shape.cols * tokens, rounded);
    rows<std::uint16_t, float>(shape, shard, rounded, shape.cols, tokens, static_cast<float*>(y));
  } else {
    rows<float, float>(shape, shard, static_cast<const float*>(x), shape.cols, tokens,
                       static_cast<float*>(y));
  }
}

}  // namespace limen::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limen::kernels {
HWY_EXPORT(shard_float);

void gemm_shard_float(const Shape& shape, const Shard& shard, const void* x, std::size_t tokens,
                      void* y, const Workspace& workspace) {
  HWY_DYNAMIC_DISPATCH(shard_float)(shape, shard, x, tokens, y, workspace);
}

}  // namespace limen::kernels
#endif
