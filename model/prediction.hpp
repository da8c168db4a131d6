// A prediction with its interval: what `limen predict` prints for one case.
#pragma once

#include <cmath>
#include <string>

#include "model/conventions.hpp"
#include "model/resolve.hpp"

namespace limen::model {

struct Prediction {
  bool fits = false;
  std::string why_not;                           // in words, with figures, if it does not fit
  double utps = 0, utps_low = 0, utps_high = 0;  // tokens/s of one user, 90 % interval
  double stps = 0, stps_low = 0, stps_high = 0;  // tokens/s of the system
  double utps_ideal = 0, stps_ideal = 0;
  Step step, ideal;
  Binding limits{}, limits_ideal{};
  Bytes held, capacity;  // by a rank, of a rank
  double largest_batch =
      0;  // that fits, at this context and partition; infinite without a capacity
  bool extrapolated = false;  // more ranks than the collectives were fitted for
};

struct Case {
  const Transformer* transformer;
  Workload workload;
  Partition partition;
  Conventions conventions{};
};

inline Demand demand_of(const Case& c) {
  return c.conventions.applied(demand<double>(*c.transformer, c.workload, c.partition),
                               *c.transformer, c.workload, c.partition);
}

namespace detail {

// Relative half-widths add in quadrature: parameters are taken as independent, each moved to the
// ends of its interval. The scatter of a law about its fit, on shapes it has not seen, counts
// as 1.64 standard deviations of its part.
struct Spread {
  double down = 0, up = 0;  // of the step time, squared seconds
  void add(double delta) { (delta < 0 ? down : up) += delta * delta; }
};

template <class P, class F>
void move_parameter(P& parameter, Spread& spread, double time, F&& step_time) {
  if (!(parameter.low < parameter.high)) return;
  const P kept = parameter;
  parameter.value = kept.low;
  const double a = step_time() - time;
  parameter.value = kept.high;
  const double b = step_time() - time;
  parameter.value = kept.value;
  const double lo = a < b ? a : b, hi = a < b ? b : a;
  if (lo < 0) spread.add(lo);
  if (hi > 0) spread.add(hi);
}

}  // namespace detail

// Why a case cannot be run at all, whatever the memory; empty if it can.
inline std::string impossible(const Machine& m, const Case& c) {
  const Partition& p = c.partition;
  auto text = [](double v) { return std::to_string(static_cast<long long>(v)); };
  const int devices = devices_needed(m, p);
  if (devices > m.devices)
    return "needs " + text(devices) + " devices, the machine has " + text(m.devices);
  if (std::fmod(c.workload.batch, p.dp) != 0) {
    return "a batch of " + text(c.workload.batch) + " cannot be split over " + text(p.dp) +
           " attention replicas";
  }
  if (p.stage_ranks() % p.ep != 0)
    return "ep = " + text(p.ep) + " does not divide tp * dp = " + text(p.stage_ranks());
  for (const auto& f : c.transformer->feed_forward) {
    if (f.layers > 0 && f.experts % p.ep != 0)
      return text(double(f.experts)) + " experts cannot be split over ep = " + text(p.ep);
  }
  return "";
}

// Predicts one case on a machine that has memory.bandwidth and a matrix peak.
inline Prediction predict(const Machine& given, const Case& c) {
  const Machine machine = c.conventions.applied(given);
  const Demand d = demand_of(c);
  const Rates r = rates(machine, c.workload, c.partition, d);
  Prediction out;
  out.ideal = ideal_step(r, d);
  out.step = calibrated_step(r, d);
  out.held = d.weights_held + c.workload.batch * d.kv_per_sequence;
  out.capacity = r.capacity;
  const double room = (r.capacity - d.weights_held) / d.kv_per_sequence;
  out.largest_batch = room >= 1 ? std::floor(room) : 0;
  const double fill = out.held / r.capacity;
  out.why_not = impossible(machine, c);
  out.fits = fill <= 1 && out.why_not.empty();
  out.limits = binding(out.step, fill);
  out.limits_ideal = binding(out.ideal, fill);

  const double time = out.step.total.in(seconds);
  detail::Spread spread;
  Machine moved = machine;
  auto step_time = [&] {
    return calibrated_step(rates(moved, c.workload, c.partition, d), d).total.in(seconds);
  };
  for_each_parameter(moved, [&](const std::string&, auto& p) {
    if (p) detail::move_parameter(*p, spread, time, step_time);
  });
  for_each_collective(moved, [&](const std::string&, auto& pieces) {
    for (auto& piece : pieces) {
      detail::move_parameter(piece.alpha, spread, time, step_time);
      detail::move_parameter(piece.beta, spread, time, step_time);
    }
  });
  constexpr double z90 = 1.6449;
  auto scatter = [&](double relative, Seconds part) {
    const double delta = z90 * relative * part.in(seconds);
    spread.add(delta);
    spread.add(-delta);
  };
  scatter(machine.law(c.workload.weights).scatter, out.step.linear);
  scatter(machine.law(c.workload.experts).scatter, out.step.experts);
  for (int i = 0; i < d.exchange_count; ++i) {
    const auto& e = d.exchanges[std::size_t(i)];
    const CollectiveLaw law = collective_law(machine, e.kind, e.ranks, e.bytes);
    out.extrapolated = out.extrapolated || law.extrapolated;
    scatter(law.scatter, e.count * (law.alpha + law.beta * e.bytes));
  }
  const double slow = time + std::sqrt(spread.up);
  const double fast = std::fmax(time - std::sqrt(spread.down), out.ideal.total.in(seconds));

  const double in_flight = c.workload.batch * c.partition.pp;
  out.utps = 1 / time;
  out.utps_low = 1 / slow;
  out.utps_high = 1 / fast;
  out.utps_ideal = 1 / out.ideal.total.in(seconds);
  out.stps = in_flight * out.utps;
  out.stps_low = in_flight * out.utps_low;
  out.stps_high = in_flight * out.utps_high;
  out.stps_ideal = in_flight * out.utps_ideal;
  if (fill > 1 && out.why_not.empty()) {
    auto gb = [](Bytes b) {
      const std::string text = std::to_string(b.in(gigabytes));
      return text.substr(0, text.find('.') + 2);
    };
    out.why_not = "needs " + gb(out.held) + " GB a rank, there are " + gb(out.capacity) + " GB";
  }
  return out;
}

}  // namespace limen::model
