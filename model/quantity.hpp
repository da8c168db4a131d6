// Strong physical quantities: a number can only enter with its unit and only leave in one.
//
//   constexpr auto rate = terabytes_per_second(3.35);
//   constexpr auto time = bytes(5e9) / rate;        // the dimension follows: Seconds
//   double us = time.in(microseconds);
//
// The scalar S is double, a dual number or a SIMD lane pack. Nothing here throws, allocates or does
// I/O.
#pragma once

#include <compare>
#include <type_traits>

namespace limen::model {

// Exponents of second, byte, floating-point operation, joule, US dollar.
template <int Time, int Data, int Operation, int Energy = 0, int Money = 0>
struct Dimension {};

template <class A, class B>
struct ProductOf;
template <int... A, int... B>
struct ProductOf<Dimension<A...>, Dimension<B...>> {
  using type = Dimension<(A + B)...>;
};
template <class A, class B>
struct QuotientOf;
template <int... A, int... B>
struct QuotientOf<Dimension<A...>, Dimension<B...>> {
  using type = Dimension<(A - B)...>;
};

using Scalar = Dimension<0, 0, 0>;

template <class D>
struct Unit;

// A value in the base unit of its dimension (second, byte, operation, joule, dollar).
template <class D, class S = double>
class Quantity {
 public:
  using dimension = D;
  using scalar = S;

  constexpr Quantity() : value_{} {}

  constexpr S in(Unit<D> unit) const { return value_ / S(unit.factor); }

  // A pure number needs no unit to enter or leave.
  template <class U = D, class = std::enable_if_t<std::is_same_v<U, Scalar>>>
  constexpr Quantity(S value) : value_(value) {}  // NOLINT(google-explicit-constructor)
  template <class U = D, class = std::enable_if_t<std::is_same_v<U, Scalar>>>
  constexpr operator S() const {  // NOLINT(google-explicit-constructor)
    return value_;
  }

  constexpr Quantity operator-() const { return raw(-value_); }
  constexpr Quantity& operator+=(Quantity o) { return *this = *this + o; }
  constexpr Quantity& operator-=(Quantity o) { return *this = *this - o; }

  friend constexpr Quantity operator+(Quantity a, Quantity b) { return raw(a.value_ + b.value_); }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return raw(a.value_ - b.value_); }
  friend constexpr Quantity operator*(Quantity a, S b) { return raw(a.value_ * b); }
  friend constexpr Quantity operator*(S a, Quantity b) { return raw(a * b.value_); }
  friend constexpr Quantity operator/(Quantity a, S b) { return raw(a.value_ / b); }
  friend constexpr auto operator==(Quantity a, Quantity b) { return a.value_ == b.value_; }
  friend constexpr auto operator<(Quantity a, Quantity b) { return a.value_ < b.value_; }
  friend constexpr auto operator>(Quantity a, Quantity b) { return a.value_ > b.value_; }
  friend constexpr auto operator<=(Quantity a, Quantity b) { return a.value_ <= b.value_; }
  friend constexpr auto operator>=(Quantity a, Quantity b) { return a.value_ >= b.value_; }

 private:
  template <class>
  friend struct Unit;
  template <class A, class B, class T>
  friend constexpr auto operator*(Quantity<A, T> a, Quantity<B, T> b);
  template <class A, class B, class T>
  friend constexpr auto operator/(Quantity<A, T> a, Quantity<B, T> b);
  template <class A, class T>
  friend constexpr Quantity<A, T> max(Quantity<A, T> a, Quantity<A, T> b);
  template <class A, class T>
  friend constexpr Quantity<A, T> min(Quantity<A, T> a, Quantity<A, T> b);

  static constexpr Quantity raw(S value) {
    Quantity q;
    q.value_ = value;
    return q;
  }

  S value_;
};

template <class A, class B, class S>
constexpr auto operator*(Quantity<A, S> a, Quantity<B, S> b) {
  return Quantity<typename ProductOf<A, B>::type, S>::raw(a.value_ * b.value_);
}
template <class A, class B, class S>
constexpr auto operator/(Quantity<A, S> a, Quantity<B, S> b) {
  return Quantity<typename QuotientOf<A, B>::type, S>::raw(a.value_ / b.value_);
}

constexpr double max(double a, double b) { return a < b ? b : a; }
constexpr double min(double a, double b) { return b < a ? b : a; }
constexpr double value_of(double a) { return a; }  // of a dual number: without its slopes
template <class D, class S>
constexpr Quantity<D, S> max(Quantity<D, S> a, Quantity<D, S> b) {
  return Quantity<D, S>::raw(max(a.value_, b.value_));
}
template <class D, class S>
constexpr Quantity<D, S> min(Quantity<D, S> a, Quantity<D, S> b) {
  return Quantity<D, S>::raw(min(a.value_, b.value_));
}

// A unit is a factor to the base unit; calling it gives a number its meaning.
template <class D>
struct Unit {
  double factor;
  template <class S = double>
  constexpr Quantity<D, S> operator()(S value) const {
    return Quantity<D, S>::raw(value * S(factor));
  }
};

using Time = Dimension<1, 0, 0>;
using Data = Dimension<0, 1, 0>;
using Operations = Dimension<0, 0, 1>;
using DataRate = Dimension<-1, 1, 0>;
using OperationRate = Dimension<-1, 0, 1>;
using TimePerData = Dimension<1, -1, 0>;
using Rate = Dimension<-1, 0, 0>;
using Energy = Dimension<0, 0, 0, 1>;
using Power = Dimension<-1, 0, 0, 1>;
using EnergyPerData = Dimension<0, -1, 0, 1>;
using EnergyPerOperation = Dimension<0, 0, -1, 1>;
using Money = Dimension<0, 0, 0, 0, 1>;
using MoneyPerEnergy = Dimension<0, 0, 0, -1, 1>;

template <class S>
using SecondsOf = Quantity<Time, S>;
template <class S>
using BytesOf = Quantity<Data, S>;
template <class S>
using FlopsOf = Quantity<Operations, S>;
template <class S>
using BytesPerSecondOf = Quantity<DataRate, S>;
template <class S>
using FlopsPerSecondOf = Quantity<OperationRate, S>;
template <class S>
using SecondsPerByteOf = Quantity<TimePerData, S>;
template <class S>
using PerSecondOf = Quantity<Rate, S>;

using Seconds = SecondsOf<double>;
using Bytes = BytesOf<double>;
using Flops = FlopsOf<double>;
using BytesPerSecond = BytesPerSecondOf<double>;
using FlopsPerSecond = FlopsPerSecondOf<double>;
using SecondsPerByte = SecondsPerByteOf<double>;
using PerSecond = PerSecondOf<double>;
using Joules = Quantity<Energy>;
using Watts = Quantity<Power>;
using JoulesPerByte = Quantity<EnergyPerData>;
using JoulesPerFlop = Quantity<EnergyPerOperation>;
using Dollars = Quantity<Money>;
using DollarsPerJoule = Quantity<MoneyPerEnergy>;

inline constexpr Unit<Time> seconds{1}, milliseconds{1e-3}, microseconds{1e-6}, nanoseconds{1e-9},
    picoseconds{1e-12};
inline constexpr Unit<Data> bytes{1}, kilobytes{1e3}, megabytes{1e6}, gigabytes{1e9},
    kibibytes{1024.0}, mebibytes{1048576.0}, gibibytes{1073741824.0};
inline constexpr Unit<Operations> flops{1}, gigaflops{1e9};
inline constexpr Unit<DataRate> bytes_per_second{1}, gigabytes_per_second{1e9},
    terabytes_per_second{1e12};
inline constexpr Unit<OperationRate> flops_per_second{1}, gigaflops_per_second{1e9},
    teraflops_per_second{1e12};
inline constexpr Unit<TimePerData> seconds_per_byte{1};
inline constexpr Unit<Rate> per_second{1};
inline constexpr Unit<Energy> joules{1}, kilowatt_hours{3.6e6};
inline constexpr Unit<Power> watts{1};
inline constexpr Unit<EnergyPerData> joules_per_byte{1}, picojoules_per_byte{1e-12};
inline constexpr Unit<EnergyPerOperation> joules_per_flop{1}, picojoules_per_flop{1e-12};
inline constexpr Unit<Money> dollars{1};
inline constexpr Unit<MoneyPerEnergy> dollars_per_joule{1}, dollars_per_kilowatt_hour{1 / 3.6e6};

}  // namespace limen::model
