#include "kernels/cpu/fma.hpp"

#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/fma.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/bf16-inl.hpp"
#include "kernels/cpu/dot-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 16 accumulators: twice what latency 4 on two pipes needs; they fit the 32 registers of AVX-512
// and SVE, while targets with 16 registers use 12.
constexpr std::size_t chains =
    HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_ARCH_ARM ? 16 : 12;
constexpr std::size_t block = 16;  // vectors of the bf16 block

template <class T>
HWY_INLINE T opaque(T value) {  // the compiler must not know that the operands are ones
  volatile T hidden = value;
  return hidden;
}

template <class T>
double floating(std::size_t rounds) {
  const HWY_FULL(T) d;
  const auto one = hn::Set(d, opaque(T(1))), other = hn::Set(d, opaque(T(1)));
  hn::Vec<decltype(d)> acc[chains];
  for (auto& a : acc) a = hn::Zero(d);
  for (std::size_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < chains; ++k) acc[k] = hn::MulAdd(one, other, acc[k]);
  }
  double total = 0;
  for (auto& a : acc) total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, a)));
  return total;
}

double brain_pairs(std::size_t rounds) {
  const HWY_FULL(float) d;
  const HWY_FULL(std::uint32_t) d32;
  const auto one = hn::Set(d32, opaque(0x3F803F80u)), other = hn::Set(d32, opaque(0x3F803F80u));
  hn::Vec<decltype(d)> acc[chains];
  for (auto& a : acc) a = hn::Zero(d);
  for (std::size_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < chains; ++k) acc[k] = dot_bf16<true>(d, one, other, acc[k]);
  }
  double total = 0;
  for (auto& a : acc) total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, a)));
  return total;
}

double brain_widened(std::size_t rounds) {
  const HWY_FULL(std::uint16_t) d16;
  const HWY_FULL(std::uint32_t) d32;
  const HWY_FULL(float) df;
  const std::size_t lanes = hn::Lanes(d16);
  HWY_ALIGN std::uint16_t ones[block * HWY_MAX_BYTES / 2];
  for (auto& w : ones) w = opaque<std::uint16_t>(0x3F80);
  const auto high = hn::Set(d32, 0xFFFF0000u);
  const auto x = hn::Set(df, opaque(1.0f));
  hn::Vec<decltype(df)> acc[8];
  for (auto& a : acc) a = hn::Zero(df);
  for (std::size_t i = 0; i < rounds; ++i) {
    for (std::size_t v = 0; v < block; ++v) {
      const auto pair = hn::BitCast(d32, hn::Load(d16, ones + v * lanes));
      const auto even = hn::BitCast(df, hn::ShiftLeft<16>(pair));
      const auto odd = hn::BitCast(df, hn::And(pair, high));
#pragma GCC unroll 4
      for (std::size_t k = 0; k < 4; ++k) {
        acc[k] = hn::MulAdd(even, x, acc[k]);
        acc[4 + k] = hn::MulAdd(odd, x, acc[4 + k]);
      }
    }
  }
  double total = 0;
  for (auto& a : acc) total += static_cast<double>(hn::GetLane(hn::SumOfLanes(df, a)));
  return total;
}

double dots(std::size_t rounds) {
  const HWY_FULL(std::int16_t) d16;
  const HWY_FULL(std::int32_t) d32;
  const auto one = hn::Set(d16, opaque<std::int16_t>(1)),
             other = hn::Set(d16, opaque<std::int16_t>(1));
  hn::Vec<decltype(d32)> acc[chains];
  for (auto& a : acc) a = hn::Zero(d32);
  for (std::size_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < chains; ++k) acc[k] = dot_pairs(d32, one, other, acc[k]);
  }
  double total = 0;
  for (auto& a : acc) total += hn::GetLane(hn::SumOfLanes(d32, a));
  return total;
}

double run(FmaType type, std::size_t rounds) {
  switch (type) {
    case FmaType::fp32:
      return floating<float>(rounds);
#if HWY_HAVE_FLOAT64
    case FmaType::fp64:
      return floating<double>(rounds);
#endif
    case FmaType::bf16:
      return has_bf16_dot() ? brain_pairs(rounds) : brain_widened(rounds);
    case FmaType::int16:
      return dots(rounds);
    default:
      return 0;
  }
}

// Products that one round adds up.
double products(FmaType type) {
  switch (type) {
    case FmaType::fp32:
      return static_cast<double>(chains * hn::Lanes(HWY_FULL(float)()));
#if HWY_HAVE_FLOAT64
    case FmaType::fp64:
      return static_cast<double>(chains * hn::Lanes(HWY_FULL(double)()));
#endif
    case FmaType::bf16:
      return static_cast<double>(has_bf16_dot() ? chains * hn::Lanes(HWY_FULL(std::uint16_t)())
                                                : block * 8 * hn::Lanes(HWY_FULL(float)()));
    case FmaType::int16:
      return static_cast<double>(chains * hn::Lanes(HWY_FULL(std::int16_t)()));
    default:
      return 0;
  }
}

}  // namespace limen::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limen::kernels {
HWY_EXPORT(run);
HWY_EXPORT(products);

const char* name(FmaType type) {
  switch (type) {
    case FmaType::fp32:
      return "fp32";
    case FmaType::fp64:
      return "fp64";
    case FmaType::bf16:
      return "bf16";
    case FmaType::int16:
      return "int16";
  }
  return "";
}
double fma_expected(FmaType type, std::size_t rounds) {
  return HWY_DYNAMIC_DISPATCH(products)(type) * static_cast<double>(rounds);
}
double fma_flops(FmaType type, std::size_t rounds) { return 2 * fma_expected(type, rounds); }
double fma_run(FmaType type, std::size_t rounds) { return HWY_DYNAMIC_DISPATCH(run)(type, rounds); }

}  // namespace limen::kernels
#endif
