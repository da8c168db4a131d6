// A prediction with its interval: what `limen predict` prints for one case.
#pragma once

#include <cmath>
#include <string>

#include "model/conventions.hpp"
#include "model/drafts.hpp"
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
  bool extrapolated = false;   // more ranks than the collectives were fitted for
  bool compute_known = true;   // else compute is left out of the step: its times are lower bounds
  double tokens_per_step = 1;  // of a user, expected; above 1 with drafts
  Seconds drafting;            // of the step, making the drafts
};

struct Case {
  const Transformer* transformer;
  Workload workload;
  Partition partition;
  Conventions conventions{};
  Drafts drafts{};
};

inline Demand demand_of(const Case& c) {
  const Workload w = checking(c.workload, c.drafts);
  Demand d = demand<double>(*c.transformer, w, c.partition);
  c.conventions.apply(d, *c.transformer, w, c.partition);
  return d;
}

// A step as it is run: the passes that draft, one after another, and the model's own.
template <class S>
struct PassesOf {
  DemandOf<S> model, draft;
  S drafts{};
  BytesOf<S> weights_held, kv_per_sequence;  // by both, on the rank that holds most
};
using Passes = PassesOf<double>;

template <class S>
PassesOf<S> passes_of(const Case& c, const WorkloadOf<S>& w) {
  PassesOf<S> p;
  const Drafts& d = c.drafts;
  auto demanded = [&](const Transformer& t, const WorkloadOf<S>& of, Partition at) {
    DemandOf<S> x = demand<S>(t, of, at);
    c.conventions.apply(x, t, of, at);
    return x;
  };
  p.model = demanded(*c.transformer, checking(w, d), c.partition);
  p.weights_held = p.model.weights_held;
  p.kv_per_sequence = p.model.kv_per_sequence;
  if (d.passes() == 0) return p;
  const Partition at = drafting(c.partition, d);
  p.drafts = S(double(d.passes()));
  // All passes as the middle one: what they do grows evenly with the context.
  p.draft = demanded(*d.by, drafting(w, d, (d.tokens - 1) * 0.5), at);
  const DemandOf<S> last = demand<S>(*d.by, drafting(w, d, d.tokens - 1), at);
  p.weights_held = p.weights_held + S(double(d.copies())) * last.weights_held;
  // The stage with the MTP modules caches for the sequences of all stages.
  p.kv_per_sequence =
      p.kv_per_sequence + S(double(d.copies()) * c.partition.pp / at.pp) * last.kv_per_sequence;
  return p;
}

inline Passes passes_of(const Case& c) { return passes_of<double>(c, c.workload); }

template <class S>
struct PassRatesOf {
  RatesOf<S> model, draft;
};
using PassRates = PassRatesOf<double>;

// `m` with the case's conventions applied.
inline PassRates rates(const Machine& m, const Case& c, const Passes& p) {
  PassRates r;
  r.model = rates(m, c.workload, c.partition, p.model);
  if (p.drafts > 0) {
    // Ranks share a device as for the model, whatever stages draft.
    r.draft = rates(m, drafting(c.workload, c.drafts, 0), c.partition, p.draft);
  }
  return r;
}

template <class S>
StepOf<S> calibrated_step(const PassRatesOf<S>& r, const PassesOf<S>& p) {
  const StepOf<S> model = calibrated_step(r.model, p.model);
  return value_of(p.drafts) > 0 ? model + p.drafts * calibrated_step(r.draft, p.draft) : model;
}

template <class S>
StepOf<S> ideal_step(const PassRatesOf<S>& r, const PassesOf<S>& p) {
  StepOf<S> s = ideal_step(r.model, p.model);
  if (value_of(p.drafts) > 0) {
    s = s + p.drafts * ideal_step(r.draft, p.draft);
    s.total = max(s.memory, s.compute) + s.sync;  // the drafts of some users may hide behind others
  }
  return s;
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
  if (p.ep > 1 && c.transformer->expert_parameters() == 0)
    return "ep = " + text(p.ep) + ", but the model has no experts";
  if (p.stage_ranks() % p.ep != 0)
    return "ep = " + text(p.ep) + " does not divide tp * dp = " + text(p.stage_ranks());
  for (const Transformer* t : {c.transformer, c.drafts.by}) {
    if (!t) continue;
    for (const auto& f : t->feed_forward) {
      if (f.layers > 0 && f.experts % p.ep != 0)
        return text(double(f.experts)) + " experts cannot be split over ep = " + text(p.ep);
    }
    if (!t->mtp_module && p.pp > t->layers())
      return t->name + " has " + text(double(t->layers())) +
             " layers, fewer than pp = " + text(p.pp);
  }
  return "";
}

// Predicts one case on a machine that has memory.bandwidth.
inline Prediction predict(const Machine& given, const Case& c) {
  const Machine machine = c.conventions.applied(given);
  const Passes d = passes_of(c);
  const PassRates r = rates(machine, c, d);
  Prediction out;
  out.ideal = ideal_step(r, d);
  out.step = calibrated_step(r, d);
  out.held = d.weights_held + c.workload.batch * d.kv_per_sequence;
  out.capacity = r.model.capacity;
  const double room = (out.capacity - d.weights_held) / d.kv_per_sequence;
  out.largest_batch = room >= 1 ? std::floor(room) : 0;
  const double fill = out.held / out.capacity;
  out.why_not = impossible(machine, c);
  out.fits = fill <= 1 && out.why_not.empty();
  out.compute_known = true;
  for (Format f : {c.workload.weights, c.workload.experts, c.workload.head, Format::bf16})
    out.compute_known = out.compute_known && matrix_peak(machine, f);
  out.limits = binding(out.step, fill);
  out.limits_ideal = binding(out.ideal, fill);

  const double time = out.step.total.in(seconds);
  detail::Spread spread;
  Machine moved = machine;
  auto step_time = [&] { return calibrated_step(rates(moved, c, d), d).total.in(seconds); };
  for_each_parameter(moved, [&](const std::string&, auto& p) {
    if (p) detail::move_parameter(*p, spread, time, step_time);
  });
  for_each_collective(moved, [&](const std::string&, auto& pieces) {
    for (auto& piece : pieces) {
      detail::move_parameter(piece.alpha, spread, time, step_time);
      detail::move_parameter(piece.beta, spread, time, step_time);
    }
  });
  auto scatter = [&](double relative, Seconds part) {
    const double delta = z90 * relative * part.in(seconds);
    spread.add(delta);
    spread.add(-delta);
  };
  auto scatter_of = [&](double passes, const Demand& pass, const Step& step, WeightFormats f) {
    scatter(machine.law(law_class(machine, f.weights)).scatter, passes * step.linear);
    scatter(machine.law(law_class(machine, f.experts)).scatter, passes * step.experts);
    scatter(machine.law(law_class(machine, f.head)).scatter, passes * step.apart);
    scatter(machine.attention.scatter, passes * step.attention);
    for (int i = 0; i < pass.exchange_count; ++i) {
      const auto& e = pass.exchanges[std::size_t(i)];
      const CollectiveLaw law = collective_law(machine, e.kind, e.ranks, e.bytes);
      out.extrapolated = out.extrapolated || law.extrapolated;
      scatter(law.scatter, passes * e.count * (law.alpha + law.beta * e.bytes));
    }
  };
  scatter(machine.engine_scatter, out.step.total);
  const Workload& w = c.workload;
  scatter_of(1, d.model, calibrated_step(r.model, d.model), {w.weights, w.experts, w.head});
  if (d.drafts > 0) {
    const Step draft = calibrated_step(r.draft, d.draft);
    out.drafting = d.drafts * draft.total;
    scatter_of(d.drafts, d.draft, draft, c.drafts.formats);
  }
  const double slow = time + std::sqrt(spread.up);
  // Without laws both forms are one, added up in another order.
  const double fast =
      std::fmin(time, std::fmax(time - std::sqrt(spread.down), out.ideal.total.in(seconds)));

  const double in_flight = c.workload.batch * busy_stages(*c.transformer, c.partition.pp);
  out.tokens_per_step = c.drafts.tokens_per_step();
  out.utps = out.tokens_per_step / time;
  out.utps_low = out.tokens_per_step / slow;
  out.utps_high = out.tokens_per_step / fast;
  out.utps_ideal = out.tokens_per_step / out.ideal.total.in(seconds);
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
