#include "kernels/cpu/plain.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/plain.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

std::uint64_t one_stream(const std::uint64_t* from, std::size_t words) {
  const HWY_FULL(std::uint64_t) d;
  const std::size_t lanes = hn::Lanes(d);
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  std::size_t i = 0;
  for (; i + 8 * lanes <= words; i += 8 * lanes) {
    s0 = hn::Add(s0, hn::LoadU(d, from + i));
    s1 = hn::Add(s1, hn::LoadU(d, from + i + lanes));
    s2 = hn::Add(s2, hn::LoadU(d, from + i + 2 * lanes));
    s3 = hn::Add(s3, hn::LoadU(d, from + i + 3 * lanes));
    s4 = hn::Add(s4, hn::LoadU(d, from + i + 4 * lanes));
    s5 = hn::Add(s5, hn::LoadU(d, from + i + 5 * lanes));
    s6 = hn::Add(s6, hn::LoadU(d, from + i + 6 * lanes));
    s7 = hn::Add(s7, hn::LoadU(d, from + i + 7 * lanes));
  }
  s0 =
      hn::Add(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), hn::Add(hn::Add(s4, s5), hn::Add(s6, s7)));
  std::uint64_t sum = wrapping_sum(d, s0);
  for (; i < words; ++i) sum += from[i];
  return sum;
}

void triad_loop(double* HWY_RESTRICT a, const double* HWY_RESTRICT b, const double* HWY_RESTRICT c,
                double s, std::size_t words) {
  for (std::size_t i = 0; i < words; ++i) a[i] = b[i] + s * c[i];
}

}  // namespace limen::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limen::kernels {
HWY_EXPORT(one_stream);
HWY_EXPORT(triad_loop);

std::uint64_t plain_read(const std::uint64_t* from, std::size_t words) {
  return HWY_DYNAMIC_DISPATCH(one_stream)(from, words);
}
void plain_triad(double* a, const double* b, const double* c, double s, std::size_t words) {
  HWY_DYNAMIC_DISPATCH(triad_loop)(a, b, c, s, words);
}

}  // namespace limen::kernels
#endif
