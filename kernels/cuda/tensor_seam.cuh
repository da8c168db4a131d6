// The seam's part under products on tensor cores: what devices have from sm_80 on, with a host body
// like the rest (seam.cuh).
#pragma once

#include "kernels/cuda/seam.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

// Whether the code that is compiled here may multiply matrices of bf16 and copy asynchronously.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
inline constexpr bool has_tensor_cores = false;
#else
inline constexpr bool has_tensor_cores = true;
#endif

#ifdef __CUDACC__

LIMEN_DEVICE void trap() { __trap(); }
// What was there. What was written before by one that added is seen after.
LIMEN_DEVICE uint32_t fetch_add_device(uint32_t* p, uint32_t v) {
  uint32_t before;
  asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], %2;"
               : "=r"(before)
               : "l"(p), "r"(v)
               : "memory");
  return before;
}
// An access from global to shared memory, or zeros there; done once its thread has waited for the
// copies that were sent before the last `Open` times.
LIMEN_DEVICE void copy_async(Words* to, const Words* from, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                   static_cast<uint32_t>(__cvta_generic_to_shared(to))),
               "l"(from), "r"(there ? 16 : 0)
               : "memory");
}
LIMEN_DEVICE void copies_sent() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int Open>
LIMEN_DEVICE void copies_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Open) : "memory");
}
// c += A B of 16 x 16 and 16 x 8 numbers in bf16, of all lanes of a warp. Lane 4 g + t has, in A,
// rows g and g + 8 of columns 2 t, 2 t + 1 (a0, a1), and of 8 more (a2, a3); in B, these rows of
// column g; in c, columns 2 t, 2 t + 1 of row g, and of row g + 8.
LIMEN_DEVICE void mma_bf16(float (&c)[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,
                           uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}
// sum += a b, not later than it stands here.
LIMEN_DEVICE void fma_now(float a, float b, float& sum) {
  asm volatile("fma.rn.f32 %0, %1, %2, %0;" : "+f"(sum) : "f"(a), "f"(b));
}
// The same number; what is computed from it is computed here, and not kept from before a loop.
LIMEN_DEVICE unsigned anew(unsigned v) {
  asm volatile("" : "+r"(v));
  return v;
}
// The sums of two pairs of bf16, each to nearest.
LIMEN_DEVICE uint32_t add_bf16(uint32_t a, uint32_t b) {
  uint32_t sum;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(sum) : "r"(a), "r"(0x3f803f80u), "r"(b));
  return sum;
}
// Byte i is byte `selector` >> 4 i & 7 of the eight that a (first) and b are.
LIMEN_DEVICE uint32_t permute_bytes(uint32_t a, uint32_t b, uint32_t selector) {
  return __byte_perm(a, b, selector);
}

#else

LIMEN_DEVICE void trap() { __builtin_trap(); }
LIMEN_DEVICE uint32_t fetch_add_device(uint32_t* p, uint32_t v) {
  return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL);
}
LIMEN_DEVICE void copy_async(Words* to, const Words* from, bool there) {
  fiber::copy_later(to, there ? from : nullptr, sizeof(Words));
}
LIMEN_DEVICE void copies_sent() { fiber::copies_sent(); }
template <int Open>
LIMEN_DEVICE void copies_wait() {
  fiber::copies_wait(Open);
}
LIMEN_DEVICE uint32_t permute_bytes(uint32_t a, uint32_t b, uint32_t selector) {
  const uint64_t all = uint64_t{b} << 32 | a;
  uint32_t out = 0;
  for (unsigned i = 0; i < 4; ++i)
    out |= static_cast<uint32_t>(all >> 8 * (selector >> 4 * i & 7) & 0xff) << 8 * i;
  return out;
}
LIMEN_DEVICE unsigned anew(unsigned v) { return v; }
LIMEN_DEVICE void fma_now(float a, float b, float& sum) { sum = std::fma(a, b, sum); }
LIMEN_DEVICE uint32_t add_bf16(uint32_t a, uint32_t b) {
  return to_bf16(from_bf16(a & 0xffffu) + from_bf16(b & 0xffffu)) |
         to_bf16(from_bf16(a >> 16) + from_bf16(b >> 16)) << 16;
}
// In fp32, products in the order of their columns and then c: a GPU adds them in no order that is
// told.
LIMEN_DEVICE void mma_bf16(float (&c)[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,
                           uint32_t b0, uint32_t b1) {
  const fiber::Fragment* all = fiber::share({a0, a1, a2, a3, b0, b1});
  const unsigned lane = thread_x() % warp, g = lane / 4, t = lane % 4;
  for (unsigned i = 0; i < 4; ++i) {
    float sum = 0;
    for (unsigned k = 0; k < 16; ++k) {
      const unsigned from = k / 2 % 4, place = 16 * (k % 2);
      const uint32_t of_a = all[4 * g + from][i / 2 + k / 8 * 2] >> place & 0xffffu,
                     of_b = all[4 * (2 * t + i % 2) + from][4 + k / 8] >> place & 0xffffu;
      sum += from_bf16(of_a) * from_bf16(of_b);
    }
    c[i] += sum;
  }
}

#endif

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
