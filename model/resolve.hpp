// From a machine (parameters with intervals) to the plain numbers of one case.
#pragma once

#include <algorithm>
#include <cmath>

#include "model/machine.hpp"
#include "model/predict.hpp"

namespace limen::model {

// The matrix peak of a weight format: of the first class that can compute it and that the machine
// names (computed_in). Null if the machine names none.
inline const Parameter<FlopsPerSecond>* matrix_peak(const Machine& m, Format f) {
  for (Format x : computed_in(f)) {
    const auto& peak = m.compute[static_cast<int>(x)];
    if (peak) return &*peak;
  }
  return nullptr;
}

// The class of the law that linear layers with weights of this format run under. Small floats for
// which the machine has no law have that of integers as wide: as many bytes, and unpacked as they
// are.
inline Format law_class(const Machine& m, Format f) {
  const Format own = facts(f).family;
  if (m.law(own).known()) return own;
  return own == Format::fp8 ? Format::int8 : own == Format::fp4 ? Format::int4 : own;
}

// The matrix peak as a rate: infinite where it is not known, so that a limit computed with it still
// cannot be beaten.
inline FlopsPerSecond peak_rate(const Machine& m, Format f) {
  const auto* peak = matrix_peak(m, f);
  return peak ? peak->value : flops_per_second(double(INFINITY));
}

struct CollectiveLaw {
  Seconds alpha;
  SecondsPerByte beta;
  double scatter = 0;
  bool extrapolated = false;
};

// Times that each byte of the vector crosses a device's links: 2 (p - 1) / p in a ring all-reduce,
// half of it in its two halves, and (p - 1) / p of what a rank sends in an all-to-all.
inline double link_crossings(Exchange kind, int ranks) {
  return (kind == Exchange::all_reduce ? 2.0 : 1.0) * (ranks - 1) / ranks;
}
inline SecondsPerByte link_time(const std::optional<Parameter<BytesPerSecond>>& bandwidth,
                                Exchange kind, int ranks) {
  if (!bandwidth) return seconds_per_byte(0.0);
  return Quantity<Scalar>(link_crossings(kind, ranks)) / bandwidth->value;
}

// The law that was fitted for `ranks` and messages of this size. Without a fit for that number of
// ranks, that of the next larger one holds (a domain is as slow as its far corner); beyond the
// largest, alpha grows with the number of doublings and beta with the crossings of the links.
inline CollectiveLaw fitted_law(const std::vector<CollectivePiece>& pieces, Exchange kind,
                                int ranks, Bytes message) {
  int fitted = 0, largest = 0;
  for (const auto& p : pieces) {
    if (p.ranks >= ranks && (fitted == 0 || p.ranks < fitted)) fitted = p.ranks;
    largest = std::max(largest, p.ranks);
  }
  const bool extrapolated = fitted == 0;
  if (extrapolated) fitted = largest;
  const CollectivePiece* piece = nullptr;
  for (const auto& p : pieces) {
    if (p.ranks == fitted && (!piece || (p.from <= message && p.from >= piece->from))) piece = &p;
  }
  CollectiveLaw law{piece->alpha.value, piece->beta.value, piece->scatter, extrapolated};
  if (extrapolated) {
    law.alpha = law.alpha * (std::log2(ranks) / std::log2(fitted));
    law.beta = law.beta * (link_crossings(kind, ranks) / link_crossings(kind, fitted));
  }
  return law;
}

// Within one node: the kind's own fit; else the all-reduce's (its halves take as long to begin and
// half as long a byte); else sync.tp, and the crossings of links of sync.tp_bandwidth.
inline CollectiveLaw node_law(const Machine& m, Exchange kind, int ranks, Bytes message) {
  const auto& own = kind == Exchange::all_gather       ? m.all_gather
                    : kind == Exchange::reduce_scatter ? m.reduce_scatter
                    : kind == Exchange::all_to_all     ? m.all_to_all
                                                       : m.all_reduce;
  if (!own.empty()) return fitted_law(own, kind, ranks, message);
  if (!m.all_reduce.empty()) {
    CollectiveLaw law = fitted_law(m.all_reduce, Exchange::all_reduce, ranks, message);
    law.beta = law.beta * 0.5;
    return law;
  }
  return {m.sync_tp ? m.sync_tp->value : seconds(0.0), link_time(m.sync_tp_bandwidth, kind, ranks)};
}

// Between two pipeline stages, within a node or from one to the next.
inline CollectiveLaw hop_law(const Machine& m, Bytes message) {
  if (m.sync_pp) {
    return {m.sync_pp->value, m.sync_pp_bandwidth
                                  ? Quantity<Scalar>(1.0) / m.sync_pp_bandwidth->value
                                  : seconds_per_byte(0.0)};
  }
  return {node_law(m, Exchange::all_reduce, 2, message).alpha,
          link_time(m.sync_tp_bandwidth, Exchange::all_gather, 2)};
}

// Ranks that share a node's links; 0: all.
inline int node_ranks(const Machine& m) { return m.devices_per_node * m.ranks_per_device; }

// Share of the hops of a partition that leave a node: ranks of a stage are neighbours, and stages
// follow one another. 0 where sync.net is not known.
inline double hops_between_nodes(const Machine& m, Partition p) {
  const int node = node_ranks(m);
  if (node == 0 || !m.sync_net || p.pp < 2) return 0;
  int leave = 0;
  for (int s = 1; s < p.pp; ++s)
    leave += s * p.stage_ranks() / node != (s - 1) * p.stage_ranks() / node;
  return double(leave) / (p.pp - 1);
}

// Over several nodes, where sync.net is known: within the node, then between nodes, each device
// with its share of the vector over its part of the network, a step for each doubling of the nodes.
// In an all-to-all what leaves the node is not shared out first, and goes to all nodes at once.
inline CollectiveLaw collective_law(const Machine& m, Exchange kind, int ranks, Bytes message) {
  if (kind == Exchange::hop) return hop_law(m, message);
  const int node = node_ranks(m);
  if (node == 0 || ranks <= node || !m.sync_net) return node_law(m, kind, ranks, message);
  const int nodes = (ranks + node - 1) / node;
  const bool direct = kind == Exchange::all_to_all;
  CollectiveLaw law = node > 1 ? node_law(m, kind, node, message) : CollectiveLaw{};
  law.alpha = law.alpha + m.sync_net->value * (direct ? 1.0 : std::ceil(std::log2(nodes)));
  law.beta = law.beta + link_time(m.sync_net_bandwidth, kind, nodes) * (direct ? 1.0 : 1.0 / node);
  return law;
}

// Devices that a partition takes. Ranks of a host share its one device as long as they find room in
// it.
inline int devices_needed(const Machine& m, Partition p) {
  return (p.ranks() + m.ranks_per_device - 1) / m.ranks_per_device;
}

// Needs memory.bandwidth (the reader of machine files insists on it).
inline Rates rates(const Machine& m, const Workload& w, Partition p, const Demand& d) {
  // Ranks that share a device have a part of its memory, bandwidth and cores each.
  const double share = static_cast<double>(devices_needed(m, p)) / p.ranks();
  Rates r;
  r.capacity = m.memory_capacity ? m.memory_capacity->value * share : bytes(double(INFINITY));
  r.bandwidth = m.memory_bandwidth->value * share;
  if (in_tiers(m)) {
    const Bytes main = r.capacity;
    r.capacity = bytes(0.0);
    auto add = [&](Bytes capacity, BytesPerSecond bandwidth) {
      r.capacity += capacity;
      r.tiers.tier[r.tiers.count++] = {capacity * double(p.pp), bandwidth};
    };
    if (has_sram(m)) add(m.sram_capacity->value * share, m.sram_bandwidth->value * share);
    r.tiers.main = r.tiers.count;
    add(main, r.bandwidth);
    if (has_host(m)) add(m.host_capacity->value * share, m.host_bandwidth->value * share);
  }
  auto product = [&](const LinearLaw& law, Format f) {
    PartRatesOf<double> part;
    part.efficiency = law.efficiency ? double(law.efficiency->value) : 1.0;
    part.fixed = law.fixed ? law.fixed->value : seconds(0.0);
    part.unpack = law.unpack ? law.unpack->value / share : seconds(0.0);
    part.peak = peak_rate(m, f) * share;
    // A law that is lent may be of faster units.
    part.rate = law.rate ? std::min(law.rate->value * share, part.peak) : part.peak;
    if (law.overlap) part.overlap = double(law.overlap->value);
    return part;
  };
  auto linear = [&](Format f) { return product(m.law(law_class(m, f)), f); };
  const auto layers = r.part(Part::linear) = linear(w.weights);
  r.part(Part::experts) = w.experts == w.weights ? layers : linear(w.experts);
  r.part(Part::apart) = w.head == w.weights ? layers : linear(w.head);
  auto& attention = r.part(Part::attention);
  // Scores are computed in 16 bits or more. Without a law of its own it streams like a read loop
  // and is dispatched like a linear layer.
  attention = product(m.attention, Format::bf16);
  if (!m.attention.known()) {
    attention.efficiency = m.memory_efficiency ? double(m.memory_efficiency->value) : 1.0;
    attention.fixed = layers.fixed;
    attention.overlap = layers.overlap;
  }
  auto time = [](const std::optional<Parameter<Seconds>>& t) {
    return t ? t->value : seconds(0.0);
  };
  // Experts are two executions a layer.
  r.overhead = time(m.engine_step) + d.part(Part::attention).operators * time(m.engine_layer) +
               d.part(Part::experts).operators * 0.5 * time(m.engine_experts) +
               w.batch / p.dp * time(m.engine_sequence);
  r.scalar = m.compute_scalar ? m.compute_scalar->value * share : attention.peak;
  for (int i = 0; i < d.exchange_count; ++i) {
    const auto& e = d.exchanges[std::size_t(i)];
    CollectiveLaw law = collective_law(m, e.kind, e.ranks, e.bytes);
    if (const double out = hops_between_nodes(m, p); e.kind == Exchange::hop && out > 0) {
      const auto net = m.sync_net_bandwidth ? Quantity<Scalar>(1.0) / m.sync_net_bandwidth->value
                                            : seconds_per_byte(0.0);
      law.alpha = law.alpha * (1 - out) + m.sync_net->value * out;
      law.beta = law.beta * (1 - out) + net * out;
    }
    auto& ideal = r.exchanges_ideal[std::size_t(i)];
    r.exchanges[std::size_t(i)] = ideal = {law.alpha, law.beta};
    // A flag from core to core (or the best kernel known) and the links are a floor under any
    // collective.
    if (m.sync_floor && e.kind != Exchange::hop) {
      const ExchangeTimeOf<double> floor{m.sync_floor->value,
                                         link_time(m.sync_tp_bandwidth, e.kind, e.ranks)};
      if (floor.alpha + floor.beta * e.bytes < law.alpha + law.beta * e.bytes) ideal = floor;
    }
  }
  return r;
}

}  // namespace limen::model
