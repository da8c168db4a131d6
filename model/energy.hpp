// What running a case takes: power, energy a token, money a token.
//
//   power    devices * (idle + overhead) + energy of what moves and is computed, per step, times
//            steps a second. Where neither an idle power nor an energy is known, the thermal design
//            power stands in for it: devices * (tdp + overhead).
//   energy   power / (tokens/s of the system)
//   money    (price of the devices / lifetime / utilization + power * electricity) / (tokens/s)
//
// What a machine does not name is not counted, and what is missing for a figure makes it absent.
// Ranks are taken to do what the busiest one does. Power is that of the devices in use while they
// are; what they draw when they idle is not charged to a token.
#pragma once

#include <optional>

#include "model/prediction.hpp"

namespace limen::model {

enum class PowerLaw { unknown, dynamic, tdp };

constexpr const char* name(PowerLaw l) {
  return l == PowerLaw::dynamic ? "idle and dynamic" : l == PowerLaw::tdp ? "tdp" : "unknown";
}

struct Running {
  int devices = 0;
  std::optional<double> devices_for_capacity;  // the fewest that hold weights and cache
  PowerLaw law = PowerLaw::unknown;
  std::optional<Watts> power;  // of all devices in use
  std::optional<Joules> per_token;
  std::optional<double> stps_per_watt;
  std::optional<Dollars> capital, electricity;  // of a million tokens
  std::optional<Evidence> evidence;             // the weakest of what was used

  std::optional<Dollars> million_tokens() const {
    if (!capital || !electricity) return {};
    return *capital + *electricity;
  }
};

namespace detail {

// A value if it is known; `weakest` becomes the weakest evidence that was used.
template <class Q>
Q used(const std::optional<Parameter<Q>>& p, std::optional<Evidence>& weakest) {
  if (!p) return Q{};
  if (!weakest || *weakest < p->evidence) weakest = p->evidence;
  return p->value;
}

}  // namespace detail

// Energy of one pass on all its ranks, beyond what they draw anyway.
inline Joules dynamic_energy(const Machine& m, const Demand& d, const Rates& r, WeightFormats f,
                             int ranks, std::optional<Evidence>& evidence) {
  const Economics& e = m.economics;
  auto of = [&](const auto& p) { return detail::used(p, evidence); };
  Joules sum = joules(0.0);
  if (r.tiers.count == 0) {
    for (const auto& part : d.parts) sum += part.work.moved() * of(e.memory);
  } else {
    const std::optional<Parameter<JoulesPerByte>>* of_tier[most_tiers] = {&e.memory, &e.host};
    if (has_sram(m)) of_tier[0] = &e.sram, of_tier[1] = &e.memory, of_tier[2] = &e.host;
    for (const auto& part : placed(r.tiers, d)) {
      for (std::size_t k = 0; k < r.tiers.count; ++k) sum += part[k] * of(*of_tier[k]);
    }
  }
  auto flop = [&](Part part, Format format) {
    sum += d.part(part).work.flops * of(e.flop[static_cast<int>(facts(format).family)]);
  };
  flop(Part::linear, f.weights);
  flop(Part::experts, f.experts);
  flop(Part::apart, f.head);
  flop(Part::attention, Format::bf16);
  for (int i = 0; i < d.exchange_count; ++i) {
    const auto& x = d.exchanges[std::size_t(i)];
    const double crossings = x.kind == Exchange::hop ? 1 : link_crossings(x.kind, x.ranks);
    sum += x.count * crossings * x.bytes * of(e.link);
  }
  return double(ranks) * sum;
}

// The same of one step, with the passes that draft.
inline Joules dynamic_energy(const Machine& m, const Case& c, std::optional<Evidence>& evidence) {
  const Passes p = passes_of(c);
  const PassRates r = rates(m, c, p);
  const Workload& w = c.workload;
  const int ranks = c.partition.stage_ranks();
  Joules sum = dynamic_energy(m, p.model, r.model, {w.weights, w.experts, w.head}, ranks, evidence);
  if (p.drafts > 0)
    sum += p.drafts * dynamic_energy(m, p.draft, r.draft, c.drafts.formats, ranks, evidence);
  return sum;
}

// `p` is what predict() says of the same case, or for the ideal machine `stps` its limit.
inline Running running(const Machine& given, const Case& c, const Prediction& p, double stps) {
  const Machine m = c.conventions.applied(given);
  const Economics& e = m.economics;
  Running out;
  out.devices = devices_needed(m, c.partition);
  if (std::isfinite(p.capacity.in(bytes))) {
    // On one rank that is as large as it takes: nothing is replicated.
    Case whole = c;
    whole.partition = {};
    const Passes d = passes_of(whole);
    const Bytes held = d.weights_held + c.workload.batch * d.kv_per_sequence;
    out.devices_for_capacity =
        std::ceil(held / rates(m, whole, d).model.capacity / double(m.ranks_per_device));
  }
  if (!p.fits || !(stps > 0)) return out;
  auto of = [&](const auto& q) { return detail::used(q, out.evidence); };
  bool dynamic = e.idle || e.memory || e.sram || e.host || e.link;
  for (const auto& flop : e.flop) dynamic = dynamic || flop;
  const PerSecond rate = per_second(stps);
  if (dynamic) {
    const double steps = stps / (c.workload.batch * p.tokens_per_step);  // a second, of all stages
    out.law = PowerLaw::dynamic;
    out.power = double(out.devices) * (of(e.idle) + of(e.overhead)) +
                per_second(steps) * dynamic_energy(m, c, out.evidence);
  } else if (e.tdp) {
    out.law = PowerLaw::tdp;
    out.power = double(out.devices) * (of(e.tdp) + of(e.overhead));
  }
  if (out.power) {
    out.per_token = *out.power / rate;
    out.stps_per_watt = stps / out.power->in(watts);
  }
  if (e.device && e.lifetime) {
    const double utilization = e.utilization ? double(of(e.utilization)) : 1.0;
    out.capital = double(out.devices) * (of(e.device) + of(e.system)) *
                  (1e6 / (stps * of(e.lifetime).in(seconds)*utilization));
  }
  if (e.electricity && out.per_token) out.electricity = 1e6 * *out.per_token * of(e.electricity);
  return out;
}

}  // namespace limen::model
