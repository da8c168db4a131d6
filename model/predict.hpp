// The prediction: how long a decode step takes, which limit binds, and how far the next one is.
//
//   ideal       T = max(T_compute, T_memory) + T_sync           with every resource at its peak:
//   nobody can beat it calibrated  T = sum over linear layers and attention of max(compute, memory)
//   + fixed times + T_sync
//               with each resource at what its measured law leaves of it
//
// The equations are those of Davies et al., arXiv 2507.14397; the calibrated form replaces each
// peak by a law and lets compute hide behind memory only within the same kind of operator, so it is
// never faster than the ideal one. The core is templated on its scalar, does not throw, allocate or
// do I/O.
#pragma once

#include "model/demand.hpp"

namespace limen::model {

// How one part of a step runs: at its peak, and as calibrated.
template <class S>
struct PartRatesOf {
  S efficiency{};                  // of the bandwidth
  SecondsOf<S> fixed;              // per operator
  SecondsOf<S> unpack;             // per weight
  FlopsPerSecondOf<S> peak, rate;  // of matrix products
};

// alpha + beta * bytes.
template <class S>
struct ExchangeTimeOf {
  SecondsOf<S> alpha;
  SecondsPerByteOf<S> beta;
};

// The machine as one rank sees it, for one partition, weight format and message: plain numbers.
template <class S>
struct RatesOf {
  BytesOf<S> capacity;
  BytesPerSecondOf<S> bandwidth;                 // peak
  std::array<PartRatesOf<S>, part_count> parts;  // by Part
  FlopsPerSecondOf<S> scalar;                    // everything that is no matrix product
  std::array<ExchangeTimeOf<S>, most_exchanges> exchanges,
      exchanges_ideal;  // in the order of the demand's

  constexpr PartRatesOf<S>& part(Part p) { return parts[std::size_t(p)]; }
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

template <class S>
constexpr StepOf<S> ideal_step(const RatesOf<S>& r, const DemandOf<S>& d) {
  StepOf<S> s;
  BytesOf<S> moved = bytes(S(0.0));
  s.compute = d.scalar / r.scalar;
  for (std::size_t i = 0; i < d.parts.size(); ++i) {
    moved = moved + d.parts[i].work.moved();
    s.compute = s.compute + d.parts[i].work.flops / r.parts[i].peak;
  }
  s.memory = moved / r.bandwidth;
  s.exchanges = exchange_time(r.exchanges_ideal, d);
  s.sync = s.exchanges;
  s.total = max(s.memory, s.compute) + s.sync;
  return s;
}

template <class S>
constexpr StepOf<S> calibrated_step(const RatesOf<S>& r, const DemandOf<S>& d) {
  StepOf<S> s;
  s.memory = s.compute = s.fixed = seconds(S(0.0));
  SecondsOf<S>* const part_times[] = {&s.linear, &s.experts, &s.attention, &s.apart};
  for (std::size_t i = 0; i < d.parts.size(); ++i) {
    const auto& part = d.parts[i];
    const auto& rates = r.parts[i];
    const auto memory = part.work.moved() / (r.bandwidth * rates.efficiency);
    auto compute = part.weights * rates.unpack + part.work.flops / rates.rate;
    if (Part(i) == Part::attention) compute = compute + d.scalar / r.scalar;
    *part_times[i] = max(memory, compute);
    s.memory = s.memory + memory;
    s.compute = s.compute + compute;
    s.fixed = s.fixed + part.operators * rates.fixed;
  }
  s.exchanges = exchange_time(r.exchanges, d);
  s.sync = s.exchanges + s.fixed;
  s.total = s.linear + s.experts + s.attention + s.apart + s.sync;
  return s;
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
