// Products of 16-bit pairs added into 32-bit lanes, for every Highway target. Included once a
// target.
#if defined(LIMEN_KERNELS_CPU_DOT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef LIMEN_KERNELS_CPU_DOT_INL
#undef LIMEN_KERNELS_CPU_DOT_INL
#else
#define LIMEN_KERNELS_CPU_DOT_INL
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {

// sum + a * b, neighbouring products added; which lane gets which pair is up to the target.
template <class D32, class V16, class V32>
HWY_INLINE V32 dot_pairs(D32 d32, V16 a, V16 b, V32 sum) {
#if HWY_TARGET == HWY_AVX3_DL  // Highway 1.0.3 neither uses VNNI here nor lets its intrinsic in
  (void)d32;
  asm("vpdpwssd %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "vm"(b.raw));
  return sum;
#else
  V32 other = hwy::HWY_NAMESPACE::Zero(d32);
  sum = hwy::HWY_NAMESPACE::ReorderWidenMulAccumulate(d32, a, b, sum, other);
#if !HWY_ARCH_X86
  sum = hwy::HWY_NAMESPACE::Add(sum, other);
#endif
  return sum;
#endif
}

}  // namespace limen::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
