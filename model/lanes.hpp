// Several doubles side by side, as a scalar for the templated core: one pass of the prediction's
// own code evaluates as many configurations. Every operation is the IEEE one on each lane, so a
// lane's result has the bits that plain doubles give (the build forbids contraction to fused
// operations).
//
// `Target` names the instruction set that a translation unit is compiled for, so that what the
// compiler makes of the core for one never stands in for another's; Target::Pack is its vector.
#pragma once

#include <cmath>
#include <cstddef>

namespace limen::model {

template <class Target>
struct Lanes {
  using Pack = typename Target::Pack;
  static constexpr std::size_t size = sizeof(Pack) / sizeof(double);

  Pack pack;

  Lanes() = default;
  Lanes(double x) {  // NOLINT(google-explicit-constructor): the same in all lanes
    for (std::size_t i = 0; i < size; ++i) pack[i] = x;
  }
  static Lanes of(Pack p) {
    Lanes l;
    l.pack = p;
    return l;
  }

  friend Lanes operator+(const Lanes& a, const Lanes& b) { return of(a.pack + b.pack); }
  friend Lanes operator-(const Lanes& a, const Lanes& b) { return of(a.pack - b.pack); }
  friend Lanes operator*(const Lanes& a, const Lanes& b) { return of(a.pack * b.pack); }
  friend Lanes operator/(const Lanes& a, const Lanes& b) { return of(a.pack / b.pack); }
  friend Lanes operator-(const Lanes& a) { return of(-a.pack); }

  friend bool operator==(const Lanes& a, const Lanes& b) {  // in every lane
    bool same = true;
    for (std::size_t i = 0; i < size; ++i) same &= a.pack[i] == b.pack[i];
    return same;
  }

  // As the functions on doubles choose, lane by lane.
  friend Lanes max(const Lanes& a, const Lanes& b) { return of(a.pack < b.pack ? b.pack : a.pack); }
  friend Lanes min(const Lanes& a, const Lanes& b) { return of(b.pack < a.pack ? b.pack : a.pack); }
  friend Lanes exp(const Lanes& a) {
    return a.each([](double x) { return std::exp(x); });
  }
  friend Lanes log(const Lanes& a) {
    return a.each([](double x) { return std::log(x); });
  }
  friend Lanes floor(const Lanes& a) {
    return a.each([](double x) { return std::floor(x); });
  }
  // Of all lanes: for what the core takes from a number without its slopes. Only where they agree.
  friend double value_of(const Lanes& a) { return a.pack[0]; }

 private:
  template <class F>
  Lanes each(F&& f) const {
    Lanes out;
    for (std::size_t i = 0; i < size; ++i) out.pack[i] = f(pack[i]);
    return out;
  }
};

}  // namespace limen::model
