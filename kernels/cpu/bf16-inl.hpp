// Products of bf16 pairs added into fp32 lanes, for every Highway target. Included once a target.
#if defined(LIMEN_KERNELS_CPU_BF16_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef LIMEN_KERNELS_CPU_BF16_INL
#undef LIMEN_KERNELS_CPU_BF16_INL
#else
#define LIMEN_KERNELS_CPU_BF16_INL
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {

// Whether dot_bf16<true> may be called: the instruction for it, which Zen 4, Cooper Lake and later
// have and which Highway does not know yet.
inline bool has_bf16_dot() {
#if HWY_TARGET == HWY_AVX3_DL
  static const bool has = __builtin_cpu_supports("avx512bf16");
  return has;
#else
  return false;
#endif
}

// sum + a * b of both bf16 in each 32-bit lane.
template <bool Instruction, class D, class V32, class V>
HWY_INLINE V dot_bf16(D d, V32 a, V32 b, V sum) {
  namespace hn = hwy::HWY_NAMESPACE;
#if HWY_TARGET == HWY_AVX3_DL
  if constexpr (Instruction) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "vm"(b.raw));
    return sum;
  }
#endif
  const hn::RebindToUnsigned<D> d32;
  const auto high = hn::Set(d32, 0xFFFF0000u);
  sum = hn::MulAdd(hn::BitCast(d, hn::ShiftLeft<16>(a)), hn::BitCast(d, hn::ShiftLeft<16>(b)), sum);
  return hn::MulAdd(hn::BitCast(d, hn::And(a, high)), hn::BitCast(d, hn::And(b, high)), sum);
}

// fp32 to bf16 in the lower half of each lane, to the nearest, ties to even.
template <class D, class V>
HWY_INLINE auto to_bf16(D /*tag*/, V value) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToUnsigned<D> d32;
  const auto bits = hn::BitCast(d32, value);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1u));
  return hn::ShiftRight<16>(hn::Add(bits, hn::Add(hn::Set(d32, 0x7FFFu), odd)));
}

}  // namespace limen::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
