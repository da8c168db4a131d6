#include "kernels/cpu/decode/pointwise.hpp"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/decode/pointwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// after highway.h
#include <hwy/contrib/math/math-inl.h>

#include "kernels/cpu/bf16-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace limen::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = HWY_FULL(float);

void add_all(float* to, const float* from, float weight, std::size_t n) {
  const Tag d;
  const auto w = hn::Set(d, weight);
  std::size_t k = 0;
  for (; k + hn::Lanes(d) <= n; k += hn::Lanes(d))
    hn::StoreU(hn::MulAdd(w, hn::LoadU(d, from + k), hn::LoadU(d, to + k)), d, to + k);
  for (; k < n; ++k) to[k] += weight * from[k];
}

void normalize(const float* x, const float* gain, std::size_t n, float* to) {
  const Tag d;
  auto even = hn::Zero(d), odd = hn::Zero(d);
  std::size_t k = 0;
  for (; k + 2 * hn::Lanes(d) <= n; k += 2 * hn::Lanes(d)) {
    const auto a = hn::LoadU(d, x + k), b = hn::LoadU(d, x + k + hn::Lanes(d));
    even = hn::MulAdd(a, a, even);
    odd = hn::MulAdd(b, b, odd);
  }
  float squares = hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd)));
  for (; k < n; ++k) squares += x[k] * x[k];
  const float scale = 1.0f / std::sqrt(squares / static_cast<float>(n) + 1e-6f);
  const auto s = hn::Set(d, scale);
  for (k = 0; k + hn::Lanes(d) <= n; k += hn::Lanes(d))
    hn::StoreU(hn::Mul(hn::Mul(hn::LoadU(d, x + k), s), hn::LoadU(d, gain + k)), d, to + k);
  for (; k < n; ++k) to[k] = x[k] * scale * gain[k];
}

void gate_all(const float* gate, const float* up, std::size_t n, float* to) {
  const Tag d;
  const auto one = hn::Set(d, 1.0f), most = hn::Set(d, 80.0f);
  std::size_t k = 0;
  for (; k + hn::Lanes(d) <= n; k += hn::Lanes(d)) {
    const auto g = hn::LoadU(d, gate + k);
    const auto e = hn::Exp(d, hn::Clamp(hn::Neg(g), hn::Neg(most), most));  // what Exp is made for
    const auto passed = hn::Div(g, hn::Add(one, e));
    hn::StoreU(up != nullptr ? hn::Mul(passed, hn::LoadU(d, up + k)) : passed, d, to + k);
  }
  for (; k < n; ++k) to[k] = gate[k] / (1 + std::exp(-gate[k])) * (up != nullptr ? up[k] : 1);
}

void round_all(const float* from, std::size_t n, std::uint16_t* to) {
  const Tag d;
  const hn::RebindToUnsigned<Tag> d32;
  const hn::Rebind<std::uint16_t, decltype(d32)> d16;
  const hn::CappedTag<float, 1> one;
  const hn::RebindToUnsigned<decltype(one)> one32;
  std::size_t k = 0;
  for (; k + hn::Lanes(d) <= n; k += hn::Lanes(d))
    hn::StoreU(hn::TruncateTo(d16, to_bf16(d, hn::LoadU(d, from + k))), d16, to + k);
  for (; k < n; ++k)
    to[k] = static_cast<std::uint16_t>(
        hn::GetLane(hn::BitCast(one32, to_bf16(one, hn::LoadU(one, from + k)))));
}

float peak_of(const float* values, std::size_t n) {
  const Tag d;
  float peak = values[0];
  std::size_t k = 0;
  auto most = hn::Set(d, peak);
  for (; k + hn::Lanes(d) <= n; k += hn::Lanes(d)) most = hn::Max(most, hn::LoadU(d, values + k));
  peak = hn::GetLane(hn::MaxOfLanes(d, most));
  for (; k < n; ++k) peak = std::max(peak, values[k]);
  return peak;
}

}  // namespace limen::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limen::kernels {
HWY_EXPORT(add_all);
HWY_EXPORT(normalize);
HWY_EXPORT(gate_all);
HWY_EXPORT(round_all);
HWY_EXPORT(peak_of);

void accumulate(float* to, const float* from, float weight, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(add_all)(to, from, weight, n);
}

void add(float* residual, const float* delta, std::size_t n) { accumulate(residual, delta, 1, n); }

void add_and_norm(float* residual, const float* delta, const float* gain, std::size_t n,
                  float* to) {
  if (delta != nullptr) add(residual, delta, n);
  HWY_DYNAMIC_DISPATCH(normalize)(residual, gain, n, to);
}

void rotation(std::size_t position, std::size_t dim, double base, float* cosine, float* sine) {
  for (std::size_t i = 0; i < dim / 2; ++i) {
    const double angle = static_cast<double>(position) *
                         std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(dim));
    cosine[i] = static_cast<float>(std::cos(angle));
    sine[i] = static_cast<float>(std::sin(angle));
  }
}

void rotate(float* head, std::size_t dim, const float* cosine, const float* sine) {
  for (std::size_t i = 0; i < dim / 2; ++i) {
    const float a = head[i], b = head[i + dim / 2];
    head[i] = a * cosine[i] - b * sine[i];
    head[i + dim / 2] = b * cosine[i] + a * sine[i];
  }
}

void gate(const float* gate, const float* up, std::size_t n, float* to) {
  HWY_DYNAMIC_DISPATCH(gate_all)(gate, up, n, to);
}

void round_to_bf16(const float* from, std::size_t n, std::uint16_t* to) {
  HWY_DYNAMIC_DISPATCH(round_all)(from, n, to);
}

std::size_t largest_of(const float* values, std::size_t n) {
  const float peak = HWY_DYNAMIC_DISPATCH(peak_of)(values, n);
  return static_cast<std::size_t>(std::find(values, values + n, peak) - values);
}

void choose(const float* scores, std::size_t n, std::size_t k, std::uint32_t* chosen,
            float* weights, bool sigmoid) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < n; ++i) {  // insertion into the k best so far: k is small
    if (found == k && !(scores[i] > scores[chosen[k - 1]])) continue;
    std::size_t at = found < k ? found++ : k - 1;
    for (; at > 0 && scores[i] > scores[chosen[at - 1]]; --at) chosen[at] = chosen[at - 1];
    chosen[at] = static_cast<std::uint32_t>(i);
  }
  float sum = 0;
  for (std::size_t i = 0; i < k; ++i) {
    weights[i] = sigmoid ? 1 / (1 + std::exp(-scores[chosen[i]]))
                         : std::exp(scores[chosen[i]] - scores[chosen[0]]);
    sum += weights[i];
  }
  for (std::size_t i = 0; i < k; ++i) weights[i] /= sum;
}

}  // namespace limen::kernels
#endif
