// What matters most: how much each resource buys, where it stops buying, and what a target would
// take.
#pragma once

#include <array>
#include <cmath>
#include <limits>

#include "model/dual.hpp"
#include "model/prediction.hpp"

namespace limen::model {

// What can be improved, on the machine and in the workload.
enum class Lever {
  memory_bandwidth,
  linear_efficiency,
  attention_efficiency,
  matrix_compute,
  scalar_compute,
  unpack,
  fixed,
  sync_latency,
  sync_bandwidth,
  batch,
  context,
  weight_bytes,  // of a weight
  kv_bytes,      // of an element of the cache
};
inline constexpr std::size_t lever_count = 13;

constexpr const char* name(Lever l) {
  constexpr const char* names[] = {"memory.bandwidth",
                                   "linear efficiency",
                                   "attention efficiency",
                                   "matrix compute",
                                   "scalar compute",
                                   "unpack time",
                                   "fixed time",
                                   "sync latency",
                                   "sync bandwidth",
                                   "batch",
                                   "context",
                                   "bytes of a weight",
                                   "bytes of the KV cache"};
  return names[static_cast<int>(l)];
}

// d ln(tokens/s per user) / d ln(lever): 1 means that doubling it doubles the rate, 0 that it buys
// nothing.
struct Elasticities {
  std::array<double, lever_count> calibrated{}, ideal{};
};

// What is read and held of weights and of the KV cache, times a factor each.
template <class S>
void scale_bytes(DemandOf<S>& d, S weights, S kv) {
  for (std::size_t i = 0; i < d.parts.size(); ++i) {
    auto& work = d.parts[i].work;
    const S factor = Part(i) == Part::attention ? kv : weights;
    work.read = work.read * factor;
    work.written = work.written * factor;
  }
  d.experts_held = d.experts_held * weights;
  d.weights_held = d.weights_held * weights;
  d.kv_held = d.kv_held * kv;
  d.kv_per_sequence = d.kv_per_sequence * kv;
}

template <class S>
void scale_bytes(PassesOf<S>& p, S weights, S kv) {
  for (DemandOf<S>* d : {&p.model, &p.draft}) scale_bytes(*d, weights, kv);
  p.weights_held = p.weights_held * weights;
  p.kv_per_sequence = p.kv_per_sequence * kv;
}

inline Elasticities elasticities(const Machine& given, const Case& c) {
  using D = Dual<lever_count>;
  const Machine machine = c.conventions.applied(given);
  const Workload& w = c.workload;
  const PassRates r = rates(machine, c, passes_of(c));
  // Slopes are relative: of the logarithm of each lever. What is not finite has none.
  auto relative = [](double v, Lever l, double sign = 1) {
    D d(v);
    if (std::isfinite(v)) d.slope[static_cast<std::size_t>(l)] = sign * v;
    return d;
  };
  // The same code, on numbers that carry their slopes.
  WorkloadOf<D> workload = as<D>(w);
  workload.batch = relative(w.batch, Lever::batch);
  workload.context = relative(w.context, Lever::context);
  PassesOf<D> demanded = passes_of(c, workload);
  scale_bytes(demanded, D::variable(1, static_cast<std::size_t>(Lever::weight_bytes)),
              D::variable(1, static_cast<std::size_t>(Lever::kv_bytes)));
  auto matrix = [&](FlopsPerSecond rate) {  // all of them move together
    return flops_per_second(relative(rate.in(flops_per_second), Lever::matrix_compute));
  };
  auto with_slopes = [&](const Rates& plain) {
    RatesOf<D> rated;
    rated.bandwidth =
        bytes_per_second(relative(plain.bandwidth.in(bytes_per_second), Lever::memory_bandwidth));
    rated.scalar =
        flops_per_second(relative(plain.scalar.in(flops_per_second), Lever::scalar_compute));
    rated.tiers.count = plain.tiers.count;
    for (std::size_t i = 0; i < plain.tiers.count; ++i) {
      const auto& tier = plain.tiers.tier[i];
      rated.tiers.tier[i] = {bytes(D(tier.capacity.in(bytes))),
                             i == plain.tiers.main
                                 ? rated.bandwidth
                                 : bytes_per_second(D(tier.bandwidth.in(bytes_per_second)))};
    }
    for (std::size_t i = 0; i < plain.parts.size(); ++i) {
      const auto& part = plain.parts[i];
      const Lever efficiency =
          Part(i) == Part::attention ? Lever::attention_efficiency : Lever::linear_efficiency;
      rated.parts[i] = {relative(part.efficiency, efficiency),
                        seconds(relative(part.fixed.in(seconds), Lever::fixed)),
                        seconds(relative(part.unpack.in(seconds), Lever::unpack)),
                        matrix(part.peak),
                        matrix(part.rate),
                        D(part.overlap)};
    }
    D overhead = relative(plain.overhead.in(seconds), Lever::fixed);
    if (machine.engine_sequence) {
      overhead.slope[static_cast<std::size_t>(Lever::batch)] =
          w.batch / c.partition.dp * machine.engine_sequence->value.in(seconds);
    }
    rated.overhead = seconds(overhead);
    for (std::size_t i = 0; i < plain.exchanges.size(); ++i) {
      auto moved = [&](const ExchangeTimeOf<double>& t) {
        return ExchangeTimeOf<D>{
            seconds(relative(t.alpha.in(seconds), Lever::sync_latency)),
            seconds_per_byte(relative(t.beta.in(seconds_per_byte), Lever::sync_bandwidth, -1))};
      };
      rated.exchanges[i] = moved(plain.exchanges[i]);
      rated.exchanges_ideal[i] = moved(plain.exchanges_ideal[i]);
    }
    return rated;
  };
  PassRatesOf<D> rated;
  rated.model = with_slopes(r.model);
  if (c.drafts.passes() > 0) rated.draft = with_slopes(r.draft);
  const D calibrated = calibrated_step(rated, demanded).total.in(seconds);
  const D ideal = ideal_step(rated, demanded).total.in(seconds);
  Elasticities out;
  for (std::size_t i = 0; i < lever_count; ++i) {
    auto relative_slope = [&](const D& time) {
      return time.slope[i] == 0 ? 0.0 : 0 - time.slope[i] / time.value;
    };
    out.calibrated[i] = relative_slope(calibrated);
    out.ideal[i] = relative_slope(ideal);
  }
  return out;
}

// Factors by which resources are better than they are; infinity takes one away as a limit. Memory
// is the bandwidth of all tiers; capacity, of all tiers, takes no time on a machine with one.
struct Better {
  double memory = 1, compute = 1, sync = 1, capacity = 1;
};

inline Rates improved(Rates r, Better b) {
  r.bandwidth = r.bandwidth * b.memory;
  r.capacity = r.capacity * b.capacity;
  for (std::size_t i = 0; i < r.tiers.count; ++i) {
    auto& tier = r.tiers.tier[i];
    tier = {tier.capacity * b.capacity, tier.bandwidth * b.memory};
  }
  r.scalar = r.scalar * b.compute;
  for (auto& part : r.parts) {
    part.peak = part.peak * b.compute;
    part.rate = part.rate * b.compute;
    part.unpack = part.unpack / b.compute;
    part.fixed = part.fixed / b.sync;
  }
  r.overhead = r.overhead / b.sync;
  for (auto* times : {&r.exchanges, &r.exchanges_ideal}) {
    for (auto& t : *times) t = {t.alpha / b.sync, t.beta / b.sync};
  }
  return r;
}

inline PassRates improved(const PassRates& r, Better b) {
  return {improved(r.model, b), improved(r.draft, b)};
}

// A model with weights fewer by a factor, of as many layers and with as large a cache.
inline void shrink_model(Demand& d, double factor) {
  for (std::size_t i = 0; i < d.parts.size(); ++i) {
    if (Part(i) == Part::attention) continue;
    d.parts[i].weights = d.parts[i].weights / factor;
    d.parts[i].work = (1 / factor) * d.parts[i].work;
  }
  d.experts_held = d.experts_held / factor;
  d.weights_held = d.weights_held / factor;
}
inline void shrink_model(Passes& p, double factor) {
  shrink_model(p.model, factor);
  p.weights_held = p.weights_held / factor;
}

// Step times of one case with better resources.
struct Reach {
  Passes demanded;
  PassRates rated;
  double tokens_per_step;

  Reach(const Machine& m, const Case& c)
      : demanded(passes_of(c)),
        rated(rates(c.conventions.applied(m), c, demanded)),
        tokens_per_step(c.drafts.tokens_per_step()) {}
  double utps(Better b) const {
    return tokens_per_step / calibrated_step(improved(rated, b), demanded).total.in(seconds);
  }
  double utps_ideal(Better b) const {
    return tokens_per_step / ideal_step(improved(rated, b), demanded).total.in(seconds);
  }
};

// The factor at which `at(factor)`, which grows with it, reaches a target: 1 if it does already,
// infinity if it never does. Bisection in the logarithm.
template <class F>
double factor_for(double target, F&& at) {
  if (at(1) >= target) return 1;
  constexpr double most = 1e9;
  if (at(most) < target) return std::numeric_limits<double>::infinity();
  double low = 1, high = most;
  for (int i = 0; i < 100; ++i) {
    const double middle = std::sqrt(low * high);
    (at(middle) < target ? low : high) = middle;
  }
  return high;
}

// The same of one resource, `rate(Better)` with the others staying as they are.
template <class F>
double factor_for(double Better::*which, double target, F&& rate) {
  return factor_for(target, [&](double factor) {
    Better b;
    b.*which = factor;
    return rate(b);
  });
}

// The knee of a resource: the factor, above or below 1, beyond which half of the step is something
// else, so that doubling it buys less than a factor of 4/3. Zero or infinity if it is always or
// never past it. `best` is the rate with the resource unlimited.
template <class F>
double knee(double best, F&& at) {
  const double target = best / 2;
  if (!std::isfinite(target)) return std::numeric_limits<double>::infinity();
  double low = 1e-9, high = 1e9;
  if (at(low) >= target) return 0;
  for (int i = 0; i < 120; ++i) {
    const double middle = std::sqrt(low * high);
    (at(middle) < target ? low : high) = middle;
  }
  return high;
}

template <class F>
double knee(double Better::*which, F&& rate) {
  auto at = [&](double factor) {
    Better b;
    b.*which = factor;
    return rate(b);
  };
  return knee(at(std::numeric_limits<double>::infinity()), at);
}

}  // namespace limen::model
