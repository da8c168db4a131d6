// How much each named parameter of a machine buys, and where it stops buying.
//
// Slopes come from dual numbers through the prediction's own code. What a parameter does to the
// numbers that this code sees (model/resolve.hpp: products, quotients and sums of parameters) is
// taken from central differences of those numbers, which are exact to about 1e-10 there.
#pragma once

#include <string>
#include <vector>

#include "model/limits.hpp"
#include "model/parameter_slot.hpp"

namespace limen::model {

// Both of the calibrated step and of the ideal one.
struct Sensitivity {
  std::string key;
  double elasticity = 0, elasticity_ideal = 0;  // d ln(tokens/s of a user) / d ln(parameter)
  double knee = 0, knee_ideal = 0;              // factor of the parameter, for the better (knee())
};

namespace detail {

using Slope = Dual<1>;

// Numbers as constants, and numbers with the slope that (up - down) / (2 h) gives them. Only what
// stays finite can have a slope.
template <class D>
auto sloped(Quantity<D> q, Quantity<D> up, Quantity<D> down, double h) {
  constexpr Unit<D> unit{1.0};
  Slope s(q.in(unit));
  const double slope = (up.in(unit)-down.in(unit)) / (2 * h);
  if (std::isfinite(slope)) s.slope[0] = slope;
  return unit(s);
}
template <class D>
auto constant(Quantity<D> q) {
  return sloped(q, q, q, 1);
}

inline DemandOf<Slope> constant(const Demand& d) {
  DemandOf<Slope> out;
  for (std::size_t i = 0; i < d.parts.size(); ++i) {
    const auto& from = d.parts[i];
    out.parts[i] = {
        Slope(from.weights),
        {constant(from.work.read), constant(from.work.written), constant(from.work.flops)},
        Slope(from.operators)};
  }
  out.scalar = constant(d.scalar);
  for (std::size_t i = 0; i < d.exchanges.size(); ++i) {
    const auto& e = d.exchanges[i];
    out.exchanges[i] = {e.kind, e.ranks, Slope(e.count), constant(e.bytes)};
  }
  out.exchange_count = d.exchange_count;
  out.weights_held = constant(d.weights_held);
  out.kv_per_sequence = constant(d.kv_per_sequence);
  out.experts_held = constant(d.experts_held);
  out.kv_held = constant(d.kv_held);
  return out;
}

inline RatesOf<Slope> sloped(const Rates& r, const Rates& up, const Rates& down, double h) {
  auto of = [h](auto q, auto u, auto d) { return sloped(q, u, d, h); };
  auto number = [h](double q, double u, double d) {
    return Slope(double(q)) + Slope::variable(0, 0) * Slope((u - d) / (2 * h));
  };
  RatesOf<Slope> out;
  out.capacity = of(r.capacity, up.capacity, down.capacity);
  out.bandwidth = of(r.bandwidth, up.bandwidth, down.bandwidth);
  out.scalar = of(r.scalar, up.scalar, down.scalar);
  out.tiers.count = r.tiers.count;
  for (std::size_t i = 0; i < r.tiers.count; ++i) {
    const auto &q = r.tiers.tier[i], &u = up.tiers.tier[i], &d = down.tiers.tier[i];
    out.tiers.tier[i] = {of(q.capacity, u.capacity, d.capacity),
                         of(q.bandwidth, u.bandwidth, d.bandwidth)};
  }
  for (std::size_t i = 0; i < r.parts.size(); ++i) {
    const auto &q = r.parts[i], &u = up.parts[i], &d = down.parts[i];
    out.parts[i] = {number(q.efficiency, u.efficiency, d.efficiency),
                    of(q.fixed, u.fixed, d.fixed),
                    of(q.unpack, u.unpack, d.unpack),
                    of(q.peak, u.peak, d.peak),
                    of(q.rate, u.rate, d.rate),
                    number(q.overlap, u.overlap, d.overlap)};
  }
  out.overhead = of(r.overhead, up.overhead, down.overhead);
  for (std::size_t i = 0; i < r.exchanges.size(); ++i) {
    auto both = [&](const ExchangeTimeOf<double>& q, const ExchangeTimeOf<double>& u,
                    const ExchangeTimeOf<double>& d) {
      return ExchangeTimeOf<Slope>{of(q.alpha, u.alpha, d.alpha), of(q.beta, u.beta, d.beta)};
    };
    out.exchanges[i] = both(r.exchanges[i], up.exchanges[i], down.exchanges[i]);
    out.exchanges_ideal[i] =
        both(r.exchanges_ideal[i], up.exchanges_ideal[i], down.exchanges_ideal[i]);
  }
  return out;
}

inline PassesOf<Slope> constant(const Passes& p) {
  PassesOf<Slope> out;
  out.model = constant(p.model);
  out.draft = constant(p.draft);
  out.drafts = Slope(p.drafts);
  out.weights_held = constant(p.weights_held);
  out.kv_per_sequence = constant(p.kv_per_sequence);
  return out;
}

inline PassRatesOf<Slope> sloped(const PassRates& r, const PassRates& up, const PassRates& down,
                                 double h) {
  return {sloped(r.model, up.model, down.model, h), sloped(r.draft, up.draft, down.draft, h)};
}

}  // namespace detail

// Of every parameter that the machine names and that can take time.
inline std::vector<Sensitivity> sensitivities(const Machine& given, const Case& c) {
  const Machine machine = c.conventions.applied(given);
  Machine moved = machine;
  const Passes d = passes_of(c);
  const PassesOf<detail::Slope> fixed = detail::constant(d);
  auto rated = [&] { return rates(moved, c, d); };
  auto rate = [&](bool ideal) {
    const PassRates r = rated();
    return 1 / (ideal ? ideal_step(r, d) : calibrated_step(r, d)).total.in(seconds);
  };
  const PassRates base = rated();
  std::vector<Sensitivity> out;
  auto add = [&](const std::string& key, auto& p) {
    using Q = std::remove_reference_t<decltype(p.value)>;
    constexpr bool shorter = std::is_same_v<Q, Seconds> || std::is_same_v<Q, SecondsPerByte>;
    constexpr double h = 1e-5;
    const Q value = p.value;
    auto at = [&](double factor) {
      p.value = value * factor;
      if (key == "sync.tp_bandwidth") displace_fits(moved, key, machine);
    };
    at(1 + h);
    const PassRates up = rated();
    at(1 - h);
    const PassRates down = rated();
    at(1);
    const auto sloped = detail::sloped(base, up, down, h);
    auto elasticity = [](const detail::Slope& time) { return 0 - time.slope[0] / time.value; };
    Sensitivity s{key, elasticity(calibrated_step(sloped, fixed).total.in(seconds)),
                  elasticity(ideal_step(sloped, fixed).total.in(seconds)), 0, 0};
    for (bool ideal : {false, true}) {
      auto better = [&](double factor) {
        at(shorter ? 1 / factor : factor);
        const double result = rate(ideal);
        at(1);
        return result;
      };
      (ideal ? s.knee_ideal : s.knee) = knee(better(1e15), better);
    }
    out.push_back(s);
  };
  for_each_parameter(moved, [&](const std::string& key, auto& p) {
    for (const char* other : {"power.", "energy.", "cost."})
      if (key.rfind(other, 0) == 0) return;
    if (p) add(key, *p);
  });
  for_each_collective(moved, [&](const std::string& key, auto& pieces) {
    for (auto& piece : pieces) {
      const std::string name = key + "[" + std::to_string(piece.ranks) + " ranks, from " +
                               std::to_string(static_cast<long long>(piece.from.in(bytes))) + " B]";
      add(name + ".alpha", piece.alpha);
      add(name + ".beta", piece.beta);
    }
  });
  return out;
}

}  // namespace limen::model
