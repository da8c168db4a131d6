// The seam under every kernel: all inline PTX and all that only a GPU has, with a device body for
// nvcc and a host body (kernels/cuda/fiber.hpp) for tests. Kernels above it are plain C++.
//
// Names live in an inline namespace of the side that they are compiled for, so that both sides can
// be linked into one program.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/cuda/words.hpp"

static_assert(__cplusplus >= 202002L, "kernels are C++20: pass -std=c++20 to nvcc");

#ifdef __CUDACC__
#define LIMEN_SIDE on_device
#define LIMEN_DEVICE __device__ __forceinline__
// With registers for `blocks` blocks on a multiprocessor.
#define LIMEN_KERNEL_OF(threads, blocks) __global__ void __launch_bounds__(threads, blocks)
#define LIMEN_SHARED(type, name, count) __shared__ type name[count]
#define LIMEN_UNROLL _Pragma("unroll")
#define LIMEN_NO_UNROLL _Pragma("unroll 1")
// An argument that is read where it lies, by any index, and not copied to local memory.
#define LIMEN_IN_PLACE const __grid_constant__
#else
#include "kernels/cuda/fiber.hpp"
#ifndef LIMEN_SIDE
#define LIMEN_SIDE on_host
#endif
#define LIMEN_DEVICE inline
#define LIMEN_KERNEL_OF(threads, blocks) inline void
#define LIMEN_UNROLL
#define LIMEN_NO_UNROLL
#define LIMEN_IN_PLACE const
// Shared memory of the block, poisoned when the block starts. The key tells arrays apart.
#define LIMEN_SHARED(type, name, count) \
  static char name##_key;               \
  type* const name = static_cast<type*>(fiber::shared(&name##_key, sizeof(type) * (count)))
#endif
#define LIMEN_KERNEL(threads) LIMEN_KERNEL_OF(threads, 1)
// For two blocks; for one on sm_75, whose compiler would spill.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define LIMEN_KERNEL_TWICE(threads) LIMEN_KERNEL(threads)
#else
#define LIMEN_KERNEL_TWICE(threads) LIMEN_KERNEL_OF(threads, 2)
#endif

namespace limen::gpu {
inline namespace LIMEN_SIDE {

using std::uint16_t, std::uint32_t, std::uint64_t, std::size_t;
inline constexpr unsigned warp = 32;

#ifdef __CUDACC__

LIMEN_DEVICE unsigned thread_x() { return threadIdx.x; }
LIMEN_DEVICE unsigned block_x() { return blockIdx.x; }
LIMEN_DEVICE unsigned block_y() { return blockIdx.y; }
LIMEN_DEVICE unsigned block_threads() { return blockDim.x; }
LIMEN_DEVICE unsigned grid_x() { return gridDim.x; }
LIMEN_DEVICE void barrier() { __syncthreads(); }
LIMEN_DEVICE bool barrier_or(bool mine) { return __syncthreads_or(mine) != 0; }
LIMEN_DEVICE void relax() {}

LIMEN_DEVICE float shuffle_xor(float v, unsigned mask) {
  return __shfl_xor_sync(0xffffffffu, v, static_cast<int>(mask));
}
LIMEN_DEVICE uint64_t shuffle_xor(uint64_t v, unsigned mask) {
  return __shfl_xor_sync(0xffffffffu, static_cast<unsigned long long>(v), static_cast<int>(mask));
}
LIMEN_DEVICE bool vote_any(bool mine) { return __any_sync(0xffffffffu, mine) != 0; }

// Read once, never written meanwhile: past the first cache, which it would only sweep empty.
LIMEN_DEVICE Words load_streaming(const Words* p) {
  Words v;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.w[0]), "=r"(v.w[1]), "=r"(v.w[2]), "=r"(v.w[3])
               : "l"(p));
  return v;
}
// Read by every block, never written meanwhile: kept in the first cache.
LIMEN_DEVICE Words load_shared_by_all(const Words* p) {
  Words v;
  asm volatile("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.w[0]), "=r"(v.w[1]), "=r"(v.w[2]), "=r"(v.w[3])
               : "l"(p));
  return v;
}
LIMEN_DEVICE uint16_t load_scale(const uint16_t* p) {
  uint16_t v;
  asm volatile("ld.global.nc.u16 %0, [%1];" : "=h"(v) : "l"(p));
  return v;
}
// Written once, not read again by this kernel: leaves the second cache first.
LIMEN_DEVICE void store_streaming(Words* p, const Words& v) {
  asm volatile("st.global.cs.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(p), "r"(v.w[0]), "r"(v.w[1]),
               "r"(v.w[2]), "r"(v.w[3])
               : "memory");
}
// A link of a chase: through every cache there is.
LIMEN_DEVICE uint32_t load_link(const uint32_t* p) {
  uint32_t v;
  asm volatile("ld.global.ca.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
  return v;
}

LIMEN_DEVICE void add(uint64_t* p, uint64_t v) {
  atomicAdd(reinterpret_cast<unsigned long long*>(p), static_cast<unsigned long long>(v));
}

// Flags between blocks of one device: release and acquire at the scope of the device.
LIMEN_DEVICE void add_release_device(uint32_t* p, uint32_t v) {
  asm volatile("red.release.gpu.global.add.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}
LIMEN_DEVICE uint32_t load_acquire_device(const uint32_t* p) {
  uint32_t v;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
  return v;
}
// Flags between devices.
LIMEN_DEVICE void store_release_system(uint32_t* p, uint32_t v) {
  asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}
LIMEN_DEVICE uint32_t load_acquire_system(const uint32_t* p) {
  uint32_t v;
  asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
  return v;
}
// Two 64-bit packets in one access. Each of the two is written and read in one piece (the memory
// model treats a vector as scalars, and an aligned 64-bit scalar is single-copy atomic); the two
// are not ordered with one another.
LIMEN_DEVICE void store_packets(uint64_t* p, uint64_t a, uint64_t b) {
  asm volatile("st.relaxed.sys.global.v2.u64 [%0], {%1, %2};" ::"l"(p), "l"(a), "l"(b) : "memory");
}
LIMEN_DEVICE void load_packets(const uint64_t* p, uint64_t& a, uint64_t& b) {
  asm volatile("ld.relaxed.sys.global.v2.u64 {%0, %1}, [%2];"
               : "=l"(a), "=l"(b)
               : "l"(p)
               : "memory");
}

LIMEN_DEVICE float as_float(uint32_t bits) { return __uint_as_float(bits); }
LIMEN_DEVICE uint32_t as_bits(float v) { return __float_as_uint(v); }
LIMEN_DEVICE float fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }
// 2^23 + byte k of q, as a float: a conversion without the conversion unit.
LIMEN_DEVICE float byte_above_2_23(uint32_t q, unsigned k) {
  return as_float(__byte_perm(q, 0x4b000000u, 0x7440u + k));
}
LIMEN_DEVICE float from_half(uint32_t bits) {
  float v;
  asm("cvt.f32.f16 %0, %1;" : "=f"(v) : "h"(static_cast<uint16_t>(bits)));
  return v;
}
LIMEN_DEVICE float exp2_fast(float v) {  // 2 ulp + 2^-22
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(v));
  return r;
}
LIMEN_DEVICE float rsqrt_fast(float v) {  // 2^-22.9
  float r;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(v));
  return r;
}
LIMEN_DEVICE float reciprocal_fast(float v) {  // 1 ulp
  float r;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(v));
  return r;
}
// Between -pi and pi: to 2^-20.5.
LIMEN_DEVICE float sine_fast(float v) {
  float r;
  asm("sin.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(v));
  return r;
}
LIMEN_DEVICE float cosine_fast(float v) {
  float r;
  asm("cos.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(v));
  return r;
}

#else

LIMEN_DEVICE unsigned thread_x() { return fiber::here().thread; }
LIMEN_DEVICE unsigned block_x() { return fiber::here().block_x; }
LIMEN_DEVICE unsigned block_y() { return fiber::here().block_y; }
LIMEN_DEVICE unsigned block_threads() { return fiber::here().threads; }
LIMEN_DEVICE unsigned grid_x() { return fiber::here().grid_x; }
LIMEN_DEVICE void barrier() { fiber::barrier(); }
LIMEN_DEVICE bool barrier_or(bool mine) { return fiber::barrier_or(mine); }
LIMEN_DEVICE void relax() { fiber::relax(); }

LIMEN_DEVICE uint64_t shuffle_xor(uint64_t v, unsigned mask) { return fiber::exchange(v, mask); }
LIMEN_DEVICE float shuffle_xor(float v, unsigned mask) {
  return std::bit_cast<float>(
      static_cast<uint32_t>(fiber::exchange(std::bit_cast<uint32_t>(v), mask)));
}
LIMEN_DEVICE bool vote_any(bool mine) { return fiber::vote_any(mine); }

LIMEN_DEVICE Words load_streaming(const Words* p) { return *p; }
LIMEN_DEVICE Words load_shared_by_all(const Words* p) { return *p; }
LIMEN_DEVICE uint16_t load_scale(const uint16_t* p) { return *p; }
LIMEN_DEVICE void store_streaming(Words* p, const Words& v) { *p = v; }
LIMEN_DEVICE uint32_t load_link(const uint32_t* p) { return *p; }
LIMEN_DEVICE void add(uint64_t* p, uint64_t v) { *p += v; }
// Atomic, since the peer may be another process.
LIMEN_DEVICE void add_release_device(uint32_t* p, uint32_t v) {
  __atomic_fetch_add(p, v, __ATOMIC_RELEASE);
}
LIMEN_DEVICE uint32_t load_acquire_device(const uint32_t* p) {
  return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}
LIMEN_DEVICE void store_release_system(uint32_t* p, uint32_t v) {
  __atomic_store_n(p, v, __ATOMIC_RELEASE);
}
LIMEN_DEVICE uint32_t load_acquire_system(const uint32_t* p) {
  return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}
LIMEN_DEVICE void store_packets(uint64_t* p, uint64_t a, uint64_t b) {
  __atomic_store_n(p, a, __ATOMIC_RELAXED);
  __atomic_store_n(p + 1, b, __ATOMIC_RELAXED);
}
LIMEN_DEVICE void load_packets(const uint64_t* p, uint64_t& a, uint64_t& b) {
  a = __atomic_load_n(p, __ATOMIC_RELAXED);
  b = __atomic_load_n(p + 1, __ATOMIC_RELAXED);
}

LIMEN_DEVICE float as_float(uint32_t bits) { return std::bit_cast<float>(bits); }
LIMEN_DEVICE uint32_t as_bits(float v) { return std::bit_cast<uint32_t>(v); }
LIMEN_DEVICE float fma(float a, float b, float c) { return std::fma(a, b, c); }
LIMEN_DEVICE float byte_above_2_23(uint32_t q, unsigned k) {
  return as_float(0x4b000000u | (q >> 8 * k & 0xffu));
}
LIMEN_DEVICE float from_half(uint32_t bits) {
  const uint32_t sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 0x1f, rest = bits & 0x3ff;
  if (exponent == 31) return as_float(sign | 0x7f800000u | rest << 13);
  const float magnitude = std::ldexp(static_cast<float>(exponent ? rest | 0x400u : rest),
                                     static_cast<int>(exponent ? exponent : 1) - 25);
  return sign ? -magnitude : magnitude;
}
LIMEN_DEVICE float exp2_fast(float v) { return std::exp2(v); }
LIMEN_DEVICE float rsqrt_fast(float v) { return 1 / std::sqrt(v); }
LIMEN_DEVICE float reciprocal_fast(float v) { return 1 / v; }
LIMEN_DEVICE float sine_fast(float v) { return std::sin(v); }
LIMEN_DEVICE float cosine_fast(float v) { return std::cos(v); }

#endif

LIMEN_DEVICE float from_bf16(uint32_t bits) { return as_float(bits << 16); }
// To nearest, ties to even; no kernel meets a NaN here.
LIMEN_DEVICE uint32_t to_bf16(float v) {
  const uint32_t bits = as_bits(v);
  return (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
}
// Two e4m3 numbers in the lower half of `two`. No weight is a NaN (0x7f, 0xff): before sm_89 those
// decode as 480.
LIMEN_DEVICE void from_e4m3(uint32_t two, float& first, float& second) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
  uint32_t halves;
  asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(halves) : "h"(static_cast<uint16_t>(two)));
  first = from_half(halves & 0xffffu);
  second = from_half(halves >> 16);
#else
  // As a half it has the right digits, and an exponent that is 8 too small; subnormal ones too.
  first = from_half((two & 0x80u) << 8 | (two & 0x7fu) << 7) * 256;
  second = from_half((two & 0x8000u) | (two & 0x7f00u) >> 1) * 256;
#endif
}

// The sum over the lanes of a warp, in all of them.
template <class T>
LIMEN_DEVICE T warp_sum(T v) {
  for (unsigned mask = warp / 2; mask > 0; mask /= 2) v += shuffle_xor(v, mask);
  return v;
}

// The largest over the lanes of a warp, in all of them.
LIMEN_DEVICE uint64_t warp_max(uint64_t v) {
  for (unsigned mask = warp / 2; mask > 0; mask /= 2) {
    const uint64_t other = shuffle_xor(v, mask);
    v = other > v ? other : v;
  }
  return v;
}

// Every wait in every kernel: at most `polls` looks, so that a peer that is gone is an error and
// not a hang.
template <class Ready>
LIMEN_DEVICE bool wait_until(uint32_t polls, Ready&& ready) {
  for (uint32_t i = 0; i < polls; ++i) {
    if (ready()) return true;
    relax();
  }
  return false;
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
