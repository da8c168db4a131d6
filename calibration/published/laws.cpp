#include "calibration/published/laws.hpp"

#include <cmath>
#include <map>

#include "model/cards/laws.hpp"
#include "model/cards/machine_card.hpp"
#include "model/resolve.hpp"

namespace limen::calibration {

namespace {

double power_mean(double a, double b, double p) {
  return model::overlapped(model::seconds(a), model::seconds(b), p).in(model::seconds);
}

double bytes_of(const PublishedRow& r) {
  return r.n * r.k * r.weight_bytes + r.m * r.k * r.activation_bytes + 2 * r.m * r.n;
}

}  // namespace

double Sheet::peak(const std::string& kernel) const {
  using model::Format;
  // Weights of 4 and 8 bits with 16-bit activations are multiplied in 16 bits.
  const Format f = kernel == "fp8" || kernel == "fp8-block" ? Format::fp8
                   : kernel == "w8a8"                       ? Format::int8
                                                            : Format::bf16;
  const auto* peak = model::matrix_peak(*card, f);
  return peak ? peak->value.in(model::flops_per_second) : NAN;
}

const Sheet& sheet_of(const cards::Device& device) {
  struct Kept {
    model::Machine card;
    Sheet sheet;
  };
  static std::map<std::string, Kept, std::less<>> all;
  const auto found = all.find(device.card);
  if (found != all.end()) return found->second.sheet;
  Kept& kept = all[std::string(device.card)];
  kept.card = cards::find_machine(std::string(device.card));
  const model::Machine& m = kept.card;
  Sheet& s = kept.sheet;
  s.card = &m;
  s.bandwidth = m.memory_bandwidth->value.in(model::bytes_per_second);
  s.capacity = m.memory_capacity ? m.memory_capacity->value.in(model::bytes) : INFINITY;
  s.cache = device.cache;
  // A card without links of its own is in a PCIe slot.
  constexpr double pcie = 32e9;
  s.link = m.sync_tp_bandwidth ? m.sync_tp_bandwidth->value.in(model::bytes_per_second) : pcie;
  return s;
}

const std::vector<std::string>& variants_of(RowKind kind) {
  static const std::vector<std::string> none,
      products = {"bf16", "fp8", "fp8-block", "int4", "int8", "w8a8"},
      libraries = {"eager", "framework", "fused", "graph", "nccl"};
  return kind == RowKind::product ? products : kind == RowKind::all_reduce ? libraries : none;
}

const std::vector<Coordinate>& coordinates_of(RowKind kind, const std::string& variant) {
  using S = Scale;
  static const std::vector<Coordinate> linear = {{"efficiency", S::fraction, 0.82, 0.4, 0.35},
                                                 {"fixed", S::positive, 5e-6, 0.5, 0.4},
                                                 {"rate", S::fraction, 0.7, 0.6, 0.5},
                                                 {"overlap", S::above_one, 3, 0.7, 0.5},
                                                 {"launch", S::positive, 20e-6, 0.7, 0.4}};
  static const std::vector<Coordinate> attention = {
      {"efficiency", S::fraction, 0.82, 0.4, 0.4}, {"fixed", S::positive, 8e-6, 0.5, 0.4},
      {"serial", S::positive, 5e-6, 0.7, 0.6},     {"growth", S::fraction, 0.5, 0.4, 0.4},
      {"overlap", S::above_one, 2, 0.7, 0.5},      {"cache", S::above_one, 2.5, 0.5, 0.4}};
  static const std::vector<Coordinate> direct = {{"alpha", S::positive, 5e-6, 0.7, 0.35},
                                                 {"growth", S::fraction, 0.15, 0.7, 0.5},
                                                 {"direct", S::fraction, 0.5, 0.7, 0.5},
                                                 {"ring_alpha", S::positive, 20e-6, 0.7, 0.5},
                                                 {"ring", S::fraction, 0.75, 0.5, 0.4}};
  static const std::map<std::string, std::vector<Coordinate>> libraries = [] {
    std::map<std::string, std::vector<Coordinate>> all;
    for (const auto& [name, alpha, growth] : {std::tuple{"graph", 4.5e-6, 0.1},
                                              {"fused", 3.5e-6, 0.1},
                                              {"nccl", 8e-6, 0.5},
                                              {"eager", 30e-6, 0.1},
                                              {"framework", 35e-6, 0.2}}) {
      all[name] = direct;
      all[name][0].typical = alpha;
      all[name][1].typical = growth;
    }
    return all;
  }();
  static const std::vector<Coordinate> memory = {{"efficiency", S::fraction, 0.93, 0.6, 0.6},
                                                 {"cache", S::above_one, 3, 0.7, 0.9}};
  static const std::vector<Coordinate> launch = {{"fixed", S::positive, 1.5e-6, 0.7, 0.4}};
  if (kind == RowKind::memory) return memory;
  if (kind == RowKind::launch) return launch;
  if (kind == RowKind::product) return linear;
  if (kind == RowKind::attention) return attention;
  const auto found = libraries.find(variant);
  return found == libraries.end() ? libraries.at("nccl") : found->second;
}

double predicted_seconds(const PublishedRow& r, const Sheet& s, const std::vector<double>& v) {
  switch (r.kind) {
    case RowKind::product: {
      const double memory = bytes_of(r) / (v[0] * s.bandwidth),
                   compute = 2 * r.m * r.n * r.k / (v[2] * s.peak(r.variant));
      return v[1] + (r.host_timed ? v[4] : 0) + power_mean(memory, compute, v[3]);
    }
    case RowKind::attention: {
      double memory = r.bytes / (v[0] * s.bandwidth);
      if (s.cache > 0 && r.bytes < s.cache) memory = r.bytes / (v[5] * s.bandwidth);
      return v[1] + power_mean(memory, v[2] * std::pow(r.context / 1024, v[3]), v[4]);
    }
    case RowKind::all_reduce: {
      const double p = r.ranks, link = r.link > 0 ? r.link : s.link;
      const double direct = v[0] * std::pow(p / 2, v[1]) + (p - 1) * r.bytes / (v[2] * link),
                   ring = v[3] * std::sqrt(p / 2) + 2 * (p - 1) / p * r.bytes / (v[4] * link);
      return std::min(direct, ring);
    }
    case RowKind::memory:
      return r.bytes / ((r.bytes < s.cache ? v[1] : v[0]) * s.bandwidth);
    case RowKind::launch:
      return v[0];
    case RowKind::decode:
      break;
  }
  return NAN;
}

std::string family_of(const PublishedRow& row) {
  return std::string(row.kind == RowKind::all_reduce
                         ? cards::link_group(*sheet_of(*row.device).card)
                         : row.device->group);
}

double least_seconds(const PublishedRow& r, const Sheet& s) {
  switch (r.kind) {
    case RowKind::product: {
      const double bytes = bytes_of(r);
      return std::max(bytes <= s.cache ? 0.0 : bytes / s.bandwidth,
                      2 * r.m * r.n * r.k / s.peak(r.variant));
    }
    case RowKind::attention:
      return r.bytes <= s.cache ? 0.0 : r.bytes / s.bandwidth;
    case RowKind::all_reduce:
      // Each device must at least get what the others have, added up on the way if the switch can.
      return r.bytes / (r.link > 0 ? r.link : s.link) * (r.ranks - 1) / r.ranks;
    case RowKind::memory:
      // Of a set a few times larger than the cache a part stays in it.
      return r.bytes <= 4 * s.cache ? 0.0 : r.bytes / s.bandwidth;
    case RowKind::launch:
      return 0;
    case RowKind::decode:
      break;
  }
  return NAN;
}

std::string not_predictable(const PublishedRow& r, const Sheet& s) {
  if (!r.problem.empty()) return r.problem;
  if (r.kind == RowKind::product && !(s.peak(r.variant) > 0)) return "the card has no matrix peak";
  if (r.kind == RowKind::all_reduce && r.nodes > 1) return "devices of several nodes: no law";
  return "";
}

}  // namespace limen::calibration
