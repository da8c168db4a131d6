#include "kernels/cpu/gemm_parts.hpp"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm_float.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/tile-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// fp32 and fp64: out[row][column] = w[row] . x[column]
template <class T, std::size_t R, std::size_t C>
HWY_INLINE void tile(const T* const* w, const T* const* x, std::size_t cols, T (*out)[R]) {
  const HWY_FULL(T) d;
  const std::size_t lanes = hn::Lanes(d);
  constexpr std::size_t unroll = R * C < 8 ? 2 : 1;  // eight accumulators hide the latency
  hn::Vec<decltype(d)> acc[unroll][R][C];
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
      for (std::size_t r = 0; r < R; ++r) {
        const auto ws = hn::LoadU(d, w[r] + k + u * lanes);
        for (std::size_t c = 0; c < C; ++c) acc[u][r][c] = hn::MulAdd(ws, xs[c], acc[u][r][c]);
      }
    }
  }
  if constexpr (unroll == 2) {
    for (std::size_t r = 0; r < R; ++r) acc[0][r][0] = hn::Add(acc[0][r][0], acc[1][r][0]);
  }
  for (std::size_t c = 0; c < C; ++c) {
    for (std::size_t r = 0; r < R; r += 4) {
      totals(d, acc[0][r][c], acc[0][r + 1][c], acc[0][r + 2][c], acc[0][r + 3][c], out[c] + r);
    }
  }
  for (; k < cols; ++k) {
    for (std::size_t c = 0; c < C; ++c) {
      for (std::size_t r = 0; r < R; ++r) out[c][r] += w[r][k] * x[c][k];
    }
  }
}

// bf16: a 32-bit lane holds an even element below an odd one; x is [even elements][odd elements],
// half each.
template <std::size_t R, std::size_t C>
HWY_INLINE void tile_bf16(const std::uint16_t* const* w, const float* const* x, std::size_t cols,
                          float (*out)[R]) {
  const HWY_FULL(float) d;
  const HWY_FULL(std::uint16_t) d16;
  const HWY_FULL(std::uint32_t) d32;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t half = padded(cols) / 2;
  const auto high = hn::Set(d32, 0xFFFF0000u);
  constexpr std::size_t split = C == 1 ? 2 : 1;
  hn::Vec<decltype(d)> acc[split][R][C];
  for (auto& u : acc) {
    for (auto& r : u) {
      for (auto& c : r) c = hn::Zero(d);
    }
  }
  std::size_t k = 0;
  for (; k + 2 * lanes <= cols; k += 2 * lanes) {
    hn::Vec<decltype(d)> even[C], odd[C];
    for (std::size_t c = 0; c < C; ++c) {
      even[c] = hn::Load(d, x[c] + k / 2);
      odd[c] = hn::Load(d, x[c] + half + k / 2);
    }
    for (std::size_t r = 0; r < R; ++r) {
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
    for (std::size_t r = 0; r < R; ++r) acc[0][r][0] = hn::Add(acc[0][r][0], acc[1][r][0]);
  }
  for (std::size_t c = 0; c < C; ++c) {
    for (std::size_t r = 0; r < R; r += 4) {
      totals(d, acc[0][r][c], acc[0][r + 1][c], acc[0][r + 2][c], acc[0][r + 3][c], out[c] + r);
    }
  }
  for (; k < cols; ++k) {
    for (std::size_t c = 0; c < C; ++c) {
      for (std::size_t r = 0; r < R; ++r) {
        const std::uint32_t bits = static_cast<std::uint32_t>(w[r][k]) << 16;
        float weight;
        std::memcpy(&weight, &bits, 4);
        out[c][r] += weight * x[c][k % 2 * half + k / 2];
      }
    }
  }
}

// W is what the matrix stores, T what it is multiplied as; x has `stride` elements a token.
template <class W, class T>
void rows(const Shape& shape, const Shard& shard, const T* x, std::size_t stride,
          std::size_t tokens, T* y) {
  const std::size_t count = longest(shard);
  for (std::size_t i = 0; i < count; ++i) {
    const W* w[bands];
    next_rows(shard, i, shape.row_bytes(), w);
    over_tokens(tokens, [&](auto width, std::size_t t) HWY_ATTR {
      constexpr std::size_t C = decltype(width)::value;
      constexpr std::size_t R = tile_rows<C>;
      const T* xs[C];
      T out[C][R];
      for (std::size_t c = 0; c < C; ++c) xs[c] = x + (t + c) * stride;
      for (std::size_t first = 0; first < bands; first += R) {
        if constexpr (sizeof(W) == 2) {
          tile_bf16<R, C>(w + first, xs, shape.cols, out);
        } else {
          tile<T, R, C>(w + first, xs, shape.cols, out);
        }
        store<T, R, C>(shape, shard, first, i, t, out, y);
      }
    });
  }
}

// Even elements, then odd ones, for every token.
void sort_pairs(const float* x, std::size_t cols, std::size_t tokens, float* to) {
  const HWY_FULL(float) d;
  const std::size_t lanes = hn::Lanes(d), half = padded(cols) / 2;
  for (std::size_t t = 0; t < tokens; ++t, x += cols, to += 2 * half) {
    std::size_t k = 0;
    for (; k + 2 * lanes <= cols; k += 2 * lanes) {
      const auto a = hn::LoadU(d, x + k), b = hn::LoadU(d, x + k + lanes);
      hn::Store(hn::ConcatEven(d, b, a), d, to + k / 2);
      hn::Store(hn::ConcatOdd(d, b, a), d, to + half + k / 2);
    }
    for (; k < cols; ++k) to[k % 2 * half + k / 2] = x[k];
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
    auto* sorted = reinterpret_cast<float*>(workspace.data());
    sort_pairs(static_cast<const float*>(x), shape.cols, tokens, sorted);
    rows<std::uint16_t, float>(shape, shard, sorted, padded(shape.cols), tokens,
                               static_cast<float*>(y));
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
