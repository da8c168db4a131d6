// Monte Carlo: values of a machine's parameters drawn from their intervals.
//
// low..high is a 90 % interval about the value. A draw is the value times exp(z s) with z standard
// normal and s = ln(high / value) / 1.645 above the value, ln(value / low) / 1.645 below it: the
// median is the value, and 5 % lie below low and above high. Where low is zero, the value plus z s,
// likewise, but never below zero. Efficiencies do not go above 1. Parameters are independent, as in
// the intervals of predict().
//
// z depends on the seed, the draw's number and the parameter's key alone (Philox 4x32-10, a counter
// put through a keyed bijection: Salmon et al., SC11), so it is the same on any thread and rank,
// for every model and workload of a sweep.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <string_view>
#include <vector>

#include "model/machine.hpp"

namespace limen::model {

constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                              std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0],
                        b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
  }
  return counter;
}

// FNV-1a, 64 bits.
constexpr std::uint64_t hash_of(std::string_view text, std::uint64_t h = 0xcbf29ce484222325) {
  for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return h;
}

// Standard normal, by Box and Muller.
inline double normal(std::uint64_t seed, std::uint64_t draw, std::uint64_t parameter) {
  auto half = [](std::uint64_t x, int shift) { return static_cast<std::uint32_t>(x >> shift); };
  const auto r = philox({half(draw, 0), half(draw, 32), half(parameter, 0), half(parameter, 32)},
                        {half(seed, 0), half(seed, 32)});
  auto uniform = [](std::uint32_t high, std::uint32_t low) {  // in (0, 1)
    return (double((std::uint64_t{high} << 32 | low) >> 11) + 0.5) * 0x1p-53;
  };
  return std::sqrt(-2 * std::log(uniform(r[0], r[1]))) *
         std::cos(2 * std::numbers::pi * uniform(r[2], r[3]));
}

// The value that lies z standard deviations from the middle of low, value, high.
inline double drawn(double low, double value, double high, double z) {
  if (low > 0) return value * std::exp(z * std::log(z < 0 ? value / low : high / value) / z90);
  return std::fmax(0, value + z * (z < 0 ? value - low : high - value) / z90);
}

// The parameters of one machine that have an interval. The machine must outlive it and keep its
// place.
class Draws {
 public:
  Draws(Machine& m, std::uint64_t seed) : seed_(seed) {
    for_each_parameter(m, [&](const std::string& key, auto& p) {
      if (p) add(key, *p);
    });
    for_each_collective(m, [&](const std::string& key, auto& pieces) {
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        const std::string at = key + "[" + std::to_string(i) + "].";
        add(at + "alpha", pieces[i].alpha);
        add(at + "beta", pieces[i].beta);
      }
    });
  }

  std::size_t parameters() const { return each_.size(); }

  // Sets the values of draw number `draw`.
  void apply(std::uint64_t draw) const {
    for (const auto& p : each_) p.set(drawn(p.low, p.value, p.high, normal(seed_, draw, p.key)));
  }

  // The values about which is drawn.
  void restore() const {
    for (const auto& p : each_) p.set(p.value);
  }

 private:
  struct Each {
    double low, value, high;
    std::uint64_t key;
    std::function<void(double)> set;
  };
  template <class P>
  void add(const std::string& key, P& p) {
    if (!(p.low < p.high)) return;
    using D = typename decltype(p.value)::dimension;
    constexpr Unit<D> unit{1.0};
    const bool share = std::is_same_v<D, Scalar> && !is_exponent(key);
    each_.push_back(
        {p.low.in(unit), p.value.in(unit), p.high.in(unit), hash_of(key),
         [at = &p, share](double v) { at->value = Unit<D>{1.0}(share ? std::fmin(v, 1) : v); }});
  }

  std::uint64_t seed_;
  std::vector<Each> each_;
};

}  // namespace limen::model
