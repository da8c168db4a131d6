// A machine, a model and a case as rows of plain numbers: the only thing that passes between the
// page and the model in WebAssembly. Every quantity is in its base unit; what the prediction does
// not use (names, sources, prices, memory levels) is left out.
#pragma once

#include <string>
#include <type_traits>
#include <vector>

#include "model/machine.hpp"
#include "model/prediction.hpp"

namespace limen::page {

// What the page's sliders multiply; 1 leaves a machine as it is. Intervals keep their relative
// width: twice the bandwidth is known as well as it was.
struct Factors {
  double bandwidth = 1;  // of the main memory
  double compute = 1;    // every matrix and scalar rate; unpacking takes so much less time
  double latency = 1;    // of every exchange: sync.tp, pp, net and floor, the alphas of the fits
  double fixed = 1;      // what an operator takes to begin, and what the engine adds
  double capacity = 1;   // of the main memory
};

// Whether a named parameter can take time or room in a decode step.
inline bool is_used(const std::string& key) {
  for (const char* other : {"power.", "energy.", "cost."})
    if (key.rfind(other, 0) == 0) return false;
  return true;
}

namespace detail {

template <class Q>
using UnitOf = model::Unit<typename Q::dimension>;

class Reader {
 public:
  explicit Reader(const double* at) : at_(at) {}
  double next() { return *at_++; }
  int count() { return static_cast<int>(next()); }
  template <class T>
  void integer(T& field) {
    field = static_cast<T>(next());
  }
  template <class Q>
  void parameter(model::Parameter<Q>& p) {
    constexpr UnitOf<Q> unit{1.0};
    p.value = unit(next());
    p.low = unit(next());
    p.high = unit(next());
  }

 private:
  const double* at_;
};

class Writer {
 public:
  std::vector<double> row;
  template <class T>
  void integer(const T& field) {
    row.push_back(static_cast<double>(field));
  }
  template <class Q>
  void parameter(const model::Parameter<Q>& p) {
    constexpr UnitOf<Q> unit{1.0};
    for (const Q& q : {p.value, p.low, p.high}) row.push_back(q.in(unit));
  }
};

// Both directions of a model's row walk its fields in the same order.
template <class T, class F>
void for_each_number(T& t, F&& f) {
  f(t.hidden);
  f(t.vocabulary);
  f(t.max_context);
  f(t.tied);
  for (auto& a : t.attention) {
    f(a.layers);
    f(a.query_heads);
    f(a.kv_heads);
    f(a.head_dim);
    f(a.window);
    f(a.chunked);
    f(a.bias);
    f(a.q_rank);
    f(a.kv_rank);
    f(a.nope);
    f(a.rope);
    f(a.value_dim);
    f(a.index_heads);
    f(a.index_dim);
    f(a.index_top);
  }
  for (auto& x : t.feed_forward) {
    f(x.layers);
    f(x.gated);
    f(x.width);
    f(x.experts);
    f(x.top_k);
    f(x.expert_width);
  }
}

}  // namespace detail

inline std::vector<double> to_row(const model::Transformer& t) {
  detail::Writer w;
  detail::for_each_number(t, [&](const auto& field) { w.integer(field); });
  return w.row;
}

inline model::Transformer to_model(const double* row) {
  model::Transformer t;
  detail::Reader r(row);
  detail::for_each_number(t, [&](auto& field) { r.integer(field); });
  return t;
}

// Numbers of a machine's row before that of its parameters.
inline constexpr std::size_t machine_head = 4 + model::formats.size() + 1;

// Only parameters that the machine names: each with its place among those of for_each_parameter.
inline std::vector<double> to_row(const model::Machine& m) {
  detail::Writer named, w;
  int place = 0, n = 0;
  model::for_each_parameter(m, [&](const std::string& key, const auto& p) {
    if (p && is_used(key)) {
      named.integer(place);
      named.parameter(*p);
      ++n;
    }
    ++place;
  });
  w.row = {double(m.devices), double(m.ranks_per_device), double(m.devices_per_node),
           m.engine_scatter};
  model::for_each_law(m,
                      [&](const std::string&, const auto& law) { w.row.push_back(law.scatter); });
  w.integer(n);
  w.row.insert(w.row.end(), named.row.begin(), named.row.end());
  model::for_each_collective(m, [&](const std::string&, const auto& pieces) {
    w.integer(pieces.size());
    for (const auto& piece : pieces) {
      w.integer(piece.ranks);
      w.row.push_back(piece.from.in(model::bytes));
      w.parameter(piece.alpha);
      w.parameter(piece.beta);
      w.row.push_back(piece.scatter);
    }
  });
  return w.row;
}

inline model::Machine to_machine(const double* row) {
  model::Machine m;
  detail::Reader r(row);
  r.integer(m.devices);
  r.integer(m.ranks_per_device);
  r.integer(m.devices_per_node);
  m.engine_scatter = r.next();
  model::for_each_law(m, [&](const std::string&, auto& law) { law.scatter = r.next(); });
  int left = r.count(), place = 0, next = left > 0 ? r.count() : -1;
  model::for_each_parameter(m, [&](const std::string&, auto& p) {
    if (place++ != next) return;
    p.emplace();
    r.parameter(*p);
    next = --left > 0 ? r.count() : -1;
  });
  model::for_each_collective(m, [&](const std::string&, auto& pieces) {
    pieces.resize(static_cast<std::size_t>(r.count()));
    for (auto& piece : pieces) {
      r.integer(piece.ranks);
      piece.from = model::bytes(r.next());
      r.parameter(piece.alpha);
      r.parameter(piece.beta);
      piece.scatter = r.next();
    }
  });
  return m;
}

inline constexpr std::size_t case_numbers = 15;

// Formats by their place in model::Format.
inline std::vector<double> to_row(const model::Case& c, const Factors& f) {
  const auto& w = c.workload;
  const auto& p = c.partition;
  return {w.batch,        w.context,    double(w.weights), double(w.kv), double(w.experts),
          double(w.head), double(p.tp), double(p.pp),      double(p.ep), double(p.dp),
          f.bandwidth,    f.compute,    f.latency,         f.fixed,      f.capacity};
}

inline model::Case to_case(const double* row, const model::Transformer& t, Factors& f) {
  model::Case c{&t, {row[0], row[1]}, {}};
  auto format = [&](int i) { return static_cast<model::Format>(static_cast<int>(row[i])); };
  c.workload.weights = format(2);
  c.workload.kv = format(3);
  c.workload.experts = format(4);
  c.workload.head = format(5);
  c.partition = {int(row[6]), int(row[7]), int(row[8]), int(row[9])};
  f = {row[10], row[11], row[12], row[13], row[14]};
  return c;
}

namespace detail {

template <class P>
void scale(P& parameter, double factor) {
  if (!parameter) return;
  for (auto* q : {&parameter->value, &parameter->low, &parameter->high}) *q = *q * factor;
}

}  // namespace detail

// Multiplies what the sliders stand for.
inline void scale(model::Machine& m, const Factors& f) {
  using detail::scale;
  scale(m.memory_bandwidth, f.bandwidth);
  scale(m.memory_capacity, f.capacity);
  for (auto& peak : m.compute) scale(peak, f.compute);
  scale(m.compute_scalar, f.compute);
  model::for_each_law(m, [&](const std::string&, auto& law) {
    scale(law.rate, f.compute);
    scale(law.unpack, 1 / f.compute);
    scale(law.fixed, f.fixed);
  });
  for (auto* p : {&m.engine_step, &m.engine_layer, &m.engine_experts, &m.engine_sequence})
    scale(*p, f.fixed);
  for (auto* p : {&m.sync_tp, &m.sync_pp, &m.sync_net, &m.sync_floor}) scale(*p, f.latency);
  model::for_each_collective(m, [&](const std::string&, auto& pieces) {
    for (auto& piece : pieces)
      for (auto* q : {&piece.alpha.value, &piece.alpha.low, &piece.alpha.high}) *q = *q * f.latency;
  });
}

}  // namespace limen::page
