// The sum of a vector's lanes that wraps. Included once a target.
#if defined(LIMEN_KERNELS_CPU_LANES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef LIMEN_KERNELS_CPU_LANES_INL
#undef LIMEN_KERNELS_CPU_LANES_INL
#else
#define LIMEN_KERNELS_CPU_LANES_INL
#endif

#include <cstdint>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Lane by lane: g++ 12's own reduction adds signed numbers, which must not overflow.
template <class D, class V>
HWY_INLINE std::uint64_t wrapping_sum(D d, V v) {
  HWY_ALIGN std::uint64_t lane[HWY_MAX_BYTES / sizeof(std::uint64_t)];
  hn::Store(v, d, lane);
  std::uint64_t sum = 0;
  for (std::size_t j = 0; j < hn::Lanes(d); ++j) sum += lane[j];
  return sum;
}

}  // namespace limen::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
