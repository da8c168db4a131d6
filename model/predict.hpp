// The prediction: how long a decode step takes, which limit binds, and how far the next one is.
//
//   ideal       T = max(T_compute, T_memory) + T_sync, with every resource at its peak: nobody can
//               beat it
//   calibrated  T = sum over parts of max(compute, memory) + fixed times + T_sync, with each
//               resource at what its measured law leaves of it
//
// The equations are those of Davies et al., arXiv 2507.14397; the calibrated form replaces each
// peak by a law and lets compute hide behind memory only within the same kind of operator, so it is
// never faster than the ideal one. The core is templated on its scalar, does not throw, allocate or
// do I/O.
#pragma once

#include "model/tiers.hpp"

namespace limen::model {

// How one part of a step runs: at its peak, and as calibrated.
template <class S>
struct PartRatesOf {
  S efficiency{};                  // of the bandwidth
  SecondsOf<S> fixed;              // per operator
  SecondsOf<S> unpack;             // per weight
  FlopsPerSecondOf<S> peak, rate;  // of matrix products
  S overlap{};                     // exponent of the power mean; 0: the greater of the two times
};

// alpha + beta * bytes.
template <class S>
struct ExchangeTimeOf {
  SecondsOf<S> alpha;
  SecondsPerByteOf<S> beta;
};

// The machine as one rank sees it, for one partition, weight format and message: nothing but
// numbers.
template <class S>
struct FlatRatesOf {
  BytesOf<S> capacity;                           // of all tiers
  BytesPerSecondOf<S> bandwidth;                 // peak, of the main tier
  std::array<PartRatesOf<S>, part_count> parts;  // by Part
  FlopsPerSecondOf<S> scalar;                    // everything that is no matrix product
  SecondsOf<S> overhead{};                       // of the serving engine, a step
  std::array<ExchangeTimeOf<S>, most_exchanges> exchanges,
      exchanges_ideal;  // in the order of the demand's

  constexpr PartRatesOf<S>& part(Part p) { return parts[std::size_t(p)]; }
};

template <class S>
struct RatesOf : FlatRatesOf<S> {
  TiersOf<S> tiers{};  // empty if there is one
};
using Rates = RatesOf<double>;

enum class Limit { memory_bandwidth, compute, synchronization, memory_capacity };

constexpr const char* name(Limit l) {
  switch (l) {
    case Limit::memory_bandwidth:
      return "memory_bandwidth";
    case Limit::compute:
      return "compute";
    case Limit::synchronization:
      return "synchronization";
    case Limit::memory_capacity:
      return "memory_capacity";
  }
  return "";
}

// Time that each limit alone would take; memory and compute overlap, so the step is shorter than
// their sum.
template <class S>
struct StepOf {
  SecondsOf<S> memory, compute, sync;
  SecondsOf<S> linear, experts, attention, apart, exchanges,
      fixed;  // what a calibrated step is made of
  SecondsOf<S> total;

  friend constexpr StepOf operator+(const StepOf& a, const StepOf& b) {
    return {a.memory + b.memory, a.compute + b.compute,     a.sync + b.sync,
            a.linear + b.linear, a.experts + b.experts,     a.attention + b.attention,
            a.apart + b.apart,   a.exchanges + b.exchanges, a.fixed + b.fixed,
            a.total + b.total};
  }
  friend constexpr StepOf operator*(S n, const StepOf& a) {
    return {n * a.memory,    n * a.compute, n * a.sync,      n * a.linear, n * a.experts,
            n * a.attention, n * a.apart,   n * a.exchanges, n * a.fixed,  n * a.total};
  }
};
using Step = StepOf<double>;

template <class S>
constexpr SecondsOf<S> exchange_time(const std::array<ExchangeTimeOf<S>, most_exchanges>& times,
                                     const DemandOf<S>& d) {
  SecondsOf<S> sum = seconds(S(0.0));
  for (int i = 0; i < d.exchange_count; ++i) {
    const auto& e = d.exchanges[std::size_t(i)];
    const auto& t = times[std::size_t(i)];
    sum = sum + e.count * (t.alpha + t.beta * e.bytes);
  }
  return sum;
}

// Memory and arithmetic at once: (a^p + b^p)^(1/p), or the greater one for p = 0.
template <class S>
[[gnu::always_inline]] constexpr SecondsOf<S> overlapped(SecondsOf<S> a, SecondsOf<S> b, S p) {
  using std::exp;
  using std::log;
  const SecondsOf<S> greater = max(a, b);
  if constexpr (requires(S s) { s.pack; }) {  // lane by lane, with the bits of the plain numbers
    S out = greater.in(seconds);
    for (std::size_t i = 0; i < S::size; ++i) {
      if (p.pack[i] == 0) continue;
      out.pack[i] = overlapped<double>(seconds(double(a.in(seconds).pack[i])),
                                       seconds(double(b.in(seconds).pack[i])), double(p.pack[i]))
                        .in(seconds);
    }
    return seconds(out);
  }
  if (value_of(p) == 0 || !(value_of(greater.in(seconds)) > 0)) return greater;
  const S share = (a + b - greater) / greater;
  if (!(value_of(share) > 1e-9)) return greater;
  return greater * exp(log(S(1.0) + exp(p * log(share))) / p);
}

// What one part of a step, or one operator of it, takes as calibrated: its arithmetic, and with the
// memory's time both together. `scalar`: arithmetic beside the products.
template <class S>
struct PartTimeOf {
  SecondsOf<S> compute, together;
};
template <class S>
constexpr PartTimeOf<S> part_time(const PartRatesOf<S>& rates, SecondsOf<S> memory,
                                  FlopsOf<S> products, S weights, SecondsOf<S> scalar) {
  const auto compute = weights * rates.unpack + products / rates.rate + scalar;
  return {compute, overlapped(memory, compute, rates.overlap)};
}

namespace detail {

// `memory` is the time that all of a step's bytes take, `memory_of(i)` that of the i-th part's at
// full efficiency.
template <class S>
constexpr StepOf<S> ideal_step(const RatesOf<S>& r, const DemandOf<S>& d, SecondsOf<S> memory) {
  StepOf<S> s;
  s.memory = memory;
  s.compute = d.scalar / r.scalar;
  for (std::size_t i = 0; i < d.parts.size(); ++i)
    s.compute = s.compute + d.parts[i].work.flops / r.parts[i].peak;
  s.exchanges = exchange_time(r.exchanges_ideal, d);
  s.sync = s.exchanges;
  s.total = max(s.memory, s.compute) + s.sync;
  return s;
}

template <class S, class F>
constexpr StepOf<S> calibrated_step(const RatesOf<S>& r, const DemandOf<S>& d, F&& memory_of) {
  StepOf<S> s;
  s.memory = s.compute = s.fixed = seconds(S(0.0));
  SecondsOf<S>* const part_times[] = {&s.linear, &s.experts, &s.attention, &s.apart};
  for (std::size_t i = 0; i < d.parts.size(); ++i) {
    const auto& part = d.parts[i];
    const auto& rates = r.parts[i];
    const SecondsOf<S> memory = memory_of(i);
    const auto scalar = Part(i) == Part::attention ? d.scalar / r.scalar : seconds(S(0.0));
    const auto time = part_time(rates, memory, part.work.flops, part.weights, scalar);
    *part_times[i] = time.together;
    s.memory = s.memory + memory;
    s.compute = s.compute + time.compute;
    s.fixed = s.fixed + part.operators * rates.fixed;
  }
  s.fixed = s.fixed + r.overhead;
  s.exchanges = exchange_time(r.exchanges, d);
  s.sync = s.exchanges + s.fixed;
  s.total = s.linear + s.experts + s.attention + s.apart + s.sync;
  return s;
}

// Out of the way of the usual machine with one tier.
template <class S>
[[gnu::noinline]] StepOf<S> ideal_step_in_tiers(const RatesOf<S>& r, const DemandOf<S>& d) {
  return ideal_step(r, d, ideal_tier_time(r.tiers, d));
}
template <class S>
[[gnu::noinline]] StepOf<S> calibrated_step_in_tiers(const RatesOf<S>& r, const DemandOf<S>& d) {
  const auto moved = placed(r.tiers, d);
  return calibrated_step(
      r, d, [&](std::size_t i) { return tier_time(r.tiers, moved[i]) / r.parts[i].efficiency; });
}

}  // namespace detail

template <class S>
constexpr StepOf<S> ideal_step(const RatesOf<S>& r, const DemandOf<S>& d) {
  if (r.tiers.count > 0) return detail::ideal_step_in_tiers(r, d);
  BytesOf<S> moved = bytes(S(0.0));
  for (const auto& part : d.parts) moved = moved + part.work.moved();
  return detail::ideal_step(r, d, moved / r.bandwidth);
}

template <class S>
constexpr StepOf<S> calibrated_step(const RatesOf<S>& r, const DemandOf<S>& d) {
  if (r.tiers.count > 0) return detail::calibrated_step_in_tiers(r, d);
  return detail::calibrated_step(r, d, [&](std::size_t i) {
    return d.parts[i].work.moved() / (r.bandwidth * r.parts[i].efficiency);
  });
}

// What binds, from the three times and the capacity. `factor`: by how much the binding resource
// must improve before the next one takes more time than it; for capacity, by how much it must grow
// for the case to fit.
struct Binding {
  Limit binding;
  Limit next;
  double factor;
};

inline Binding binding(const Step& s, double capacity_needed_over_available) {
  struct Entry {
    Limit limit;
    double time;
  };
  Entry first{Limit::memory_bandwidth, s.memory.in(seconds)},
      second{Limit::compute, s.compute.in(seconds)};
  const Entry third{Limit::synchronization, s.sync.in(seconds)};
  auto order = [](Entry& a, Entry& b) {
    if (b.time > a.time) {
      const Entry t = a;
      a = b;
      b = t;
    }
  };
  order(first, second);
  if (third.time > first.time) {
    second = first;
    first = third;
  } else if (third.time > second.time) {
    second = third;
  }
  if (capacity_needed_over_available > 1)
    return {Limit::memory_capacity, first.limit, capacity_needed_over_available};
  return {first.limit, second.limit, first.time / second.time};
}

}  // namespace limen::model
