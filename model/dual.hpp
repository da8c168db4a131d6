// Dual numbers: a value with its slopes in N variables, so that the prediction's own code also
// gives its derivatives.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

namespace limen::model {

template <std::size_t N>
struct Dual {
  double value = 0;
  std::array<double, N> slope{};

  constexpr Dual() = default;
  constexpr Dual(double v)
      : value(v) {}  // NOLINT(google-explicit-constructor): a constant has no slope

  static constexpr Dual variable(double v, std::size_t index) {
    Dual d(v);
    d.slope[index] = 1;
    return d;
  }
  // f(value), given f'(value).
  constexpr Dual through(double f, double derivative) const {
    Dual d(f);
    for (std::size_t i = 0; i < N; ++i) d.slope[i] = derivative * slope[i];
    return d;
  }

  friend constexpr Dual operator+(const Dual& a, const Dual& b) {
    Dual d(a.value + b.value);
    for (std::size_t i = 0; i < N; ++i) d.slope[i] = a.slope[i] + b.slope[i];
    return d;
  }
  friend constexpr Dual operator-(const Dual& a, const Dual& b) {
    return a + b.through(-b.value, -1);
  }
  friend constexpr Dual operator-(const Dual& a) { return a.through(-a.value, -1); }
  friend constexpr Dual operator*(const Dual& a, const Dual& b) {
    Dual d(a.value * b.value);
    for (std::size_t i = 0; i < N; ++i) d.slope[i] = a.slope[i] * b.value + a.value * b.slope[i];
    return d;
  }
  friend constexpr Dual operator/(const Dual& a, const Dual& b) {
    Dual d(a.value / b.value);
    for (std::size_t i = 0; i < N; ++i) d.slope[i] = (a.slope[i] - d.value * b.slope[i]) / b.value;
    return d;
  }
  friend constexpr bool operator<(const Dual& a, const Dual& b) { return a.value < b.value; }
  friend constexpr bool operator==(const Dual& a, const Dual& b) { return a.value == b.value; }
};

template <std::size_t N>
constexpr Dual<N> max(const Dual<N>& a, const Dual<N>& b) {
  return a < b ? b : a;
}
template <std::size_t N>
constexpr Dual<N> min(const Dual<N>& a, const Dual<N>& b) {
  return b < a ? b : a;
}
template <std::size_t N>
Dual<N> exp(const Dual<N>& a) {
  const double e = std::exp(a.value);
  return a.through(e, e);
}
template <std::size_t N>
Dual<N> log(const Dual<N>& a) {
  return a.through(std::log(a.value), 1 / a.value);
}
template <std::size_t N>
Dual<N> floor(const Dual<N>& a) {
  return Dual<N>(std::floor(a.value));
}
template <std::size_t N>
constexpr double value_of(const Dual<N>& a) {
  return a.value;
}

}  // namespace limen::model
