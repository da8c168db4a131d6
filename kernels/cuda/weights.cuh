// Weights of every format out of 16-byte accesses, and their dot product with x.
#pragma once

#include "kernels/cuda/seam.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

// x of a product, in 16-byte accesses: fp32 for fp32 weights, fp16 for fp16, bf16 for all others.
constexpr unsigned x_per_words(Format f) { return f == Format::fp32 ? 4 : 8; }

// The x that belong to one access of weights, widened. For int4, x of nibble position k is divided
// by 16^k: see weight().
template <Format F>
LIMEN_DEVICE void load_x(const Words* x, float (&to)[per_words(F)]) {
  constexpr unsigned per = x_per_words(F);
  LIMEN_UNROLL
  for (unsigned i = 0; i < per_words(F) / per; ++i) {
    const Words v = load_shared_by_all(x + i);
    LIMEN_UNROLL
    for (unsigned k = 0; k < per; ++k) {
      const uint32_t bits = F == Format::fp32 ? v.w[k] : v.w[k / 2] >> 16 * (k % 2) & 0xffffu;
      float value = F == Format::fp32   ? as_float(bits)
                    : F == Format::fp16 ? from_half(bits)
                                        : from_bf16(bits);
      if (F == Format::int4) value *= 1.0f / static_cast<float>(1u << 4 * (k % 4));
      to[i * per + k] = value;
    }
  }
}

// Weight k of an access, widened; fp8 comes in pairs and is not here.
//
// int8 and int4 take the conversion unit's place: the integer, without its sign, is put into the
// lower bits of the float 2^23, and 2^23 and what stands for zero are subtracted. The nibbles of a
// half word stay where they are, which makes them 16^k times too large: x makes up for it.
template <Format F>
LIMEN_DEVICE float weight(const Words& v, unsigned k) {
  constexpr float two23 = 8388608.0f;
  if constexpr (F == Format::fp32) {
    return as_float(v.w[k]);
  } else if constexpr (F == Format::fp16) {
    return from_half(v.w[k / 2] >> 16 * (k % 2) & 0xffffu);
  } else if constexpr (F == Format::bf16) {
    return as_float(k % 2 ? v.w[k / 2] & 0xffff0000u : v.w[k / 2] << 16);
  } else if constexpr (F == Format::int8) {
    return byte_above_2_23(v.w[k / 4] ^ 0x80808080u, k % 4) - (two23 + 128);
  } else {
    static_assert(F == Format::int4);
    const uint32_t half = v.w[k / 8] >> 16 * (k / 4 % 2), place = 4 * (k % 4);
    return as_float(0x4b000000u | (half & 15u << place)) -
           (two23 + 8 * static_cast<float>(1u << place));
  }
}

// sum + the products of the first `count` weights of an access with x.
template <Format F>
LIMEN_DEVICE float dot(const Words& v, const float (&x)[per_words(F)], float sum,
                       unsigned count = per_words(F)) {
  if constexpr (F == Format::fp8) {
    LIMEN_UNROLL
    for (unsigned k = 0; k < 16; k += 2) {
      float first, second;
      from_e4m3(v.w[k / 4] >> 8 * (k % 4) & 0xffffu, first, second);
      if (k < count) sum = fma(first, x[k], sum);
      if (k + 1 < count) sum = fma(second, x[k + 1], sum);
    }
  } else {
    LIMEN_UNROLL
    for (unsigned k = 0; k < per_words(F); ++k)
      if (k < count) sum = fma(weight<F>(v, k), x[k], sum);
  }
  return sum;
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
