#include "kernels/cpu/stream.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/stream.cpp"
#include <hwy/foreach_target.h>
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "kernels/cpu/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

std::uint64_t read(const std::uint64_t* from, std::size_t words) {
  const HWY_FULL(std::uint64_t) d;
  const std::size_t lanes = hn::Lanes(d), step = 2 * lanes;
  const std::size_t quarter = words / 4 / step * step;
  const std::uint64_t *p0 = from, *p1 = p0 + quarter, *p2 = p1 + quarter, *p3 = p2 + quarter;
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  for (std::size_t i = 0; i < quarter; i += step) {
    s0 = hn::Add(s0, hn::LoadU(d, p0 + i));
    s1 = hn::Add(s1, hn::LoadU(d, p1 + i));
    s2 = hn::Add(s2, hn::LoadU(d, p2 + i));
    s3 = hn::Add(s3, hn::LoadU(d, p3 + i));
    s4 = hn::Add(s4, hn::LoadU(d, p0 + i + lanes));
    s5 = hn::Add(s5, hn::LoadU(d, p1 + i + lanes));
    s6 = hn::Add(s6, hn::LoadU(d, p2 + i + lanes));
    s7 = hn::Add(s7, hn::LoadU(d, p3 + i + lanes));
  }
  s0 =
      hn::Add(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), hn::Add(hn::Add(s4, s5), hn::Add(s6, s7)));
  std::uint64_t sum = wrapping_sum(d, s0);
  for (std::size_t i = 4 * quarter; i < words; ++i) sum += from[i];
  return sum;
}

// Calls body(i) for vectors at i and at half + i, and the tail with scalar(i).
template <class Vector, class Scalar>
HWY_INLINE void two_halves(std::size_t words, std::size_t lanes, Vector&& body, Scalar&& scalar) {
  const std::size_t half = words / 2 / lanes * lanes;
  for (std::size_t i = 0; i < half; i += lanes) {
    body(i);
    body(half + i);
  }
  for (std::size_t i = 2 * half; i < words; ++i) scalar(i);
}

void write(std::uint64_t* to, std::size_t words, std::uint64_t value, Stores stores) {
  const HWY_FULL(std::uint64_t) d;
  const std::size_t lanes = hn::Lanes(d);
  const auto v = hn::Set(d, value);
  if (stores == Stores::non_temporal) {
    two_halves(
        words, lanes, [&](std::size_t i) HWY_ATTR { hn::Stream(v, d, to + i); },
        [&](std::size_t i) { to[i] = value; });
    hwy::FlushStream();
  } else {
    two_halves(
        words, lanes, [&](std::size_t i) HWY_ATTR { hn::StoreU(v, d, to + i); },
        [&](std::size_t i) { to[i] = value; });
  }
}

void copy(std::uint64_t* to, const std::uint64_t* from, std::size_t words, Stores stores) {
  const HWY_FULL(std::uint64_t) d;
  const std::size_t lanes = hn::Lanes(d);
  if (stores == Stores::non_temporal) {
    two_halves(
        words, lanes,
        [&](std::size_t i) HWY_ATTR { hn::Stream(hn::LoadU(d, from + i), d, to + i); },
        [&](std::size_t i) { to[i] = from[i]; });
    hwy::FlushStream();
  } else {
    two_halves(
        words, lanes,
        [&](std::size_t i) HWY_ATTR { hn::StoreU(hn::LoadU(d, from + i), d, to + i); },
        [&](std::size_t i) { to[i] = from[i]; });
  }
}

void triad(double* a, const double* b, const double* c, double s, std::size_t words,
           Stores stores) {
  const HWY_FULL(double) d;
  const std::size_t lanes = hn::Lanes(d);
  const auto factor = hn::Set(d, s);
  const auto scalar = [&](std::size_t i) { a[i] = b[i] + s * c[i]; };
  if (stores == Stores::non_temporal) {
    two_halves(
        words, lanes,
        [&](std::size_t i) HWY_ATTR {
          hn::Stream(hn::MulAdd(factor, hn::LoadU(d, c + i), hn::LoadU(d, b + i)), d, a + i);
        },
        scalar);
    hwy::FlushStream();
  } else {
    two_halves(
        words, lanes,
        [&](std::size_t i) HWY_ATTR {
          hn::StoreU(hn::MulAdd(factor, hn::LoadU(d, c + i), hn::LoadU(d, b + i)), d, a + i);
        },
        scalar);
  }
}

}  // namespace limen::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limen::kernels {
HWY_EXPORT(read);
HWY_EXPORT(write);
HWY_EXPORT(copy);
HWY_EXPORT(triad);

std::uint64_t stream_read(const std::uint64_t* from, std::size_t words) {
  return HWY_DYNAMIC_DISPATCH(read)(from, words);
}
void stream_write(std::uint64_t* to, std::size_t words, std::uint64_t value, Stores stores) {
  HWY_DYNAMIC_DISPATCH(write)(to, words, value, stores);
}
void stream_copy(std::uint64_t* to, const std::uint64_t* from, std::size_t words, Stores stores) {
  HWY_DYNAMIC_DISPATCH(copy)(to, from, words, stores);
}
void stream_triad(double* a, const double* b, const double* c, double s, std::size_t words,
                  Stores stores) {
  HWY_DYNAMIC_DISPATCH(triad)(a, b, c, s, words, stores);
}

}  // namespace limen::kernels
#endif
