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

// The machine as one rank sees it, for one partition, weight format and message: plain numbers.
template <class S>
struct RatesOf {
  BytesOf<S> capacity;
  BytesPerSecondOf<S> bandwidth;  // peak
  S linear_efficiency{}, attention_efficiency{};
  SecondsOf<S> fixed;                  // per operator
  SecondsOf<S> unpack;                 // per weight
  FlopsPerSecondOf<S> peak, rate;      // matrix products of weights: peak, and as calibrated
  FlopsPerSecondOf<S> attention_peak;  // matrix products of attention
  FlopsPerSecondOf<S> scalar;          // everything else
  SecondsOf<S> all_reduce_ideal, all_reduce;
  SecondsOf<S> hop_ideal, hop;
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
  SecondsOf<S> linear, attention, collectives,
      fixed;  // what the step is made of: linear + attention + the rest
  SecondsOf<S> total;
};
using Step = StepOf<double>;

template <class S>
constexpr StepOf<S> ideal_step(const RatesOf<S>& r, const DemandOf<S>& d) {
  StepOf<S> s;
  s.memory = (d.linear.moved() + d.attention.moved()) / r.bandwidth;
  s.compute = d.linear.flops / r.peak + d.attention.flops / r.attention_peak + d.scalar / r.scalar;
  s.collectives = d.all_reduces * r.all_reduce_ideal + d.hops * r.hop_ideal;
  s.sync = s.collectives;
  s.total = max(s.memory, s.compute) + s.sync;
  return s;
}

template <class S>
constexpr StepOf<S> calibrated_step(const RatesOf<S>& r, const DemandOf<S>& d) {
  StepOf<S> s;
  const auto linear_memory = d.linear.moved() / (r.bandwidth * r.linear_efficiency);
  const auto linear_compute = d.weights * r.unpack + d.linear.flops / r.rate;
  const auto attention_memory = d.attention.moved() / (r.bandwidth * r.attention_efficiency);
  const auto attention_compute = d.attention.flops / r.attention_peak + d.scalar / r.scalar;
  s.linear = max(linear_memory, linear_compute);
  s.attention = max(attention_memory, attention_compute);
  s.memory = linear_memory + attention_memory;
  s.compute = linear_compute + attention_compute;
  s.collectives = d.all_reduces * r.all_reduce + d.hops * r.hop;
  s.fixed = d.operators * r.fixed;
  s.sync = s.collectives + s.fixed;
  s.total = s.linear + s.attention + s.sync;
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
