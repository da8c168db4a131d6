// From a machine (parameters with intervals) to the plain numbers of one case.
#pragma once

#include <algorithm>
#include <cmath>

#include "model/machine.hpp"
#include "model/predict.hpp"

namespace limen::model {

// The matrix peak of a weight format. Without units of its own a format is computed in the next
// wider one that has: weights of 4 and 8 bits in bf16, bf16 in fp32. Null if the machine names no
// such peak.
inline const Parameter<FlopsPerSecond>* matrix_peak(const Machine& m, Format f) {
  for (Format x : {f, Format::bf16, Format::fp32}) {
    const auto& peak = m.compute[static_cast<int>(x)];
    if (peak) return &*peak;
  }
  return nullptr;
}

// The law of an all-reduce of `message` bytes among `ranks`. Without a fit for that number of
// ranks, that of the next larger one holds (a domain is as slow as its far corner); beyond the
// largest, alpha grows with the number of doublings and beta with the ring's 2 (p - 1) / p. Without
// any fit: sync.tp, and the ring over links of sync.tp_bandwidth.
struct CollectiveLaw {
  Seconds alpha;
  SecondsPerByte beta;
  double scatter = 0;
  bool extrapolated = false;
};

// A ring sends each byte 2 (p - 1) / p times over a device's links.
inline double ring_share(int ranks) { return 2.0 * (ranks - 1) / ranks; }
inline SecondsPerByte ring_time(const Machine& m, int ranks) {
  if (!m.sync_tp_bandwidth) return seconds_per_byte(0.0);
  return Quantity<Scalar>(ring_share(ranks)) / m.sync_tp_bandwidth->value;
}

inline const CollectivePiece& piece_for(const Machine& m, int fitted_ranks, Bytes message) {
  const CollectivePiece* best = nullptr;
  for (const auto& p : m.all_reduce) {
    if (p.ranks == fitted_ranks && (!best || (p.from <= message && p.from >= best->from)))
      best = &p;
  }
  return *best;
}

inline CollectiveLaw all_reduce_law(const Machine& m, int ranks, Bytes message) {
  int fitted = 0, largest = 0;
  for (const auto& p : m.all_reduce) {
    if (p.ranks >= ranks && (fitted == 0 || p.ranks < fitted)) fitted = p.ranks;
    largest = std::max(largest, p.ranks);
  }
  if (largest == 0) return {m.sync_tp ? m.sync_tp->value : seconds(0.0), ring_time(m, ranks)};
  const bool extrapolated = fitted == 0;
  if (extrapolated) fitted = largest;
  const CollectivePiece& piece = piece_for(m, fitted, message);
  CollectiveLaw law{piece.alpha.value, piece.beta.value, piece.scatter, extrapolated};
  if (extrapolated) {
    law.alpha = law.alpha * (std::log2(ranks) / std::log2(fitted));
    law.beta = law.beta * (ring_share(ranks) / ring_share(fitted));
  }
  return law;
}

// Devices that a partition takes. Ranks of a host share its one device as long as they find room in
// it.
inline int devices_needed(const Machine& m, Partition p) {
  return (p.ranks() + m.ranks_per_device - 1) / m.ranks_per_device;
}

// Needs memory.bandwidth and compute.bf16 or compute.fp32 (the reader of machine files insists on
// them).
inline Rates rates(const Machine& m, Format weights, Partition p, Bytes message) {
  // Ranks that share a device have a part of its memory, bandwidth and cores each.
  const double share = static_cast<double>(devices_needed(m, p)) / p.ranks();
  const LinearLaw& law = m.law(weights);
  Rates r;
  r.capacity = m.memory_capacity ? m.memory_capacity->value * share : bytes(double(INFINITY));
  r.bandwidth = m.memory_bandwidth->value * share;
  r.linear_efficiency = law.efficiency ? double(law.efficiency->value) : 1.0;
  r.attention_efficiency = m.memory_efficiency ? double(m.memory_efficiency->value) : 1.0;
  r.fixed = law.fixed ? law.fixed->value : seconds(0.0);
  r.unpack = law.unpack ? law.unpack->value / share : seconds(0.0);
  r.peak = matrix_peak(m, weights)->value * share;
  r.rate = law.rate ? law.rate->value * share : r.peak;
  r.attention_peak = matrix_peak(m, Format::bf16)->value *
                     share;  // scores and sums are computed in 16 bits or more
  r.scalar = m.compute_scalar ? m.compute_scalar->value * share : r.attention_peak;
  if (p.tp > 1) {
    const CollectiveLaw sync = all_reduce_law(m, p.tp, message);
    r.all_reduce = sync.alpha + sync.beta * message;
    // A flag from core to core (or the best kernel known) is a floor under any collective.
    r.all_reduce_ideal = r.all_reduce;
    if (m.sync_floor) {
      r.all_reduce_ideal =
          std::min(r.all_reduce, m.sync_floor->value + ring_time(m, p.tp) * message);
    }
  }
  if (p.pp > 1) {
    const Seconds alpha = m.sync_pp ? m.sync_pp->value : all_reduce_law(m, 2, message).alpha;
    r.hop = alpha + (m.sync_pp_bandwidth ? message / m.sync_pp_bandwidth->value : seconds(0.0));
    r.hop_ideal = r.hop;
  }
  return r;
}

}  // namespace limen::model
