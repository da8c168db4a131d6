#include "calibration/published/laws.hpp"

#include <cmath>
#include <map>

#include "model/cards/all_reduce_law.hpp"
#include "model/cards/laws.hpp"
#include "model/cards/machine_card.hpp"
#include "model/resolve.hpp"

namespace limen::calibration {

namespace {

double power_mean(double a, double b, double p) {
  return model::overlapped(model::seconds(a), model::seconds(b), p).in(model::seconds);
}

// Of bytes read again and again. `cache`: GB/s that a processor gets from the last-level cache, of
// which a part is lost to what is not read.
double read_seconds(double bytes, const Sheet& s, double efficiency, double cache) {
  constexpr double usable = 0.75;
  const double memory = bytes / (efficiency * s.bandwidth);
  if (bytes >= usable * s.cache || s.processors == 0) return memory;
  return std::min(memory, bytes / (cache * 1e9 * s.processors));
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
  s.processors = device.processors;
  // A card without links of its own is in a PCIe slot.
  constexpr double pcie = 32e9;
  s.adds = cards::switch_adds(device, m);
  s.link = m.sync_tp_bandwidth ? m.sync_tp_bandwidth->value.in(model::bytes_per_second) : pcie;
  return s;
}

const std::vector<std::string>& variants_of(RowKind kind) {
  static const std::vector<std::string> none,
      products = {"bf16", "fp8", "fp8-block", "int4", "int8", "w8a8"},
      libraries = {"eager", "framework", "fused", "graph", "nccl"};
  return kind == RowKind::product ? products : kind == RowKind::all_reduce ? libraries : none;
}

std::string plain_variant(RowKind kind) { return kind == RowKind::all_reduce ? "nccl" : "bf16"; }

const std::vector<Coordinate>& coordinates_of(RowKind kind, const std::string& variant) {
  using S = Scale;
  static const std::vector<Coordinate> linear = {{"efficiency", S::fraction, 0.82, 0.4, 0.35},
                                                 {"fixed", S::positive, 5e-6, 0.5, 0.4},
                                                 {"rate", S::fraction, 0.7, 0.6, 0.5},
                                                 {"overlap", S::above_one, 3, 0.7, 0.5},
                                                 {"launch", S::positive, 20e-6, 0.7, 0.4}};
  static const std::vector<Coordinate> attention = {
      {"efficiency", S::fraction, 0.85, 0.4, 0.4}, {"fixed", S::positive, 9e-6, 0.4, 0.35},
      {"pipeline", S::positive, 0.25, 0.5, 0.4},   {"cache", S::positive, 30, 0.4, 0.3},
      {"serial", S::positive, 0.1e-6, 0.3, 1.5},   {"ungrouped", S::positive, 1.1, 0.3, 0.2}};
  static const std::map<std::string_view, Coordinate> exchange = {
      {"base", {"base", S::positive, 6e-6, 0.5, 0.35}},
      {"hop", {"hop", S::positive, 0.8e-6, 0.5, 0.35}},
      {"pipeline", {"pipeline", S::positive, 0.5, 0.4, 0.3}},
      {"ring", {"ring", S::fraction, 0.73, 0.4, 0.35}},
      {"in_switch", {"in_switch", S::fraction, 0.66, 0.4, 0.35}},
      {"alpha", {"alpha", S::positive, 4.5e-6, 0.5, 0.35}},
      {"growth", {"growth", S::fraction, 0.1, 0.5, 0.4}},
      {"direct", {"direct", S::fraction, 0.6, 0.5, 0.35}},
      {"host", {"host", S::positive, 35e-6, 0.5, 0.4}}};
  static const std::map<std::string, std::vector<Coordinate>> libraries = [] {
    std::map<std::string, std::vector<Coordinate>> all;
    for (const std::string& library : variants_of(RowKind::all_reduce))
      for (const auto& p : cards::all_reduce_parameters(library))
        all[library].push_back(exchange.at(p.name));
    return all;
  }();
  static const std::vector<Coordinate> memory = {{"efficiency", S::fraction, 0.93, 0.6, 0.6},
                                                 {"cache", S::positive, 45, 0.5, 0.3}};
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
      const double bytes = std::max(read_seconds(r.bytes, s, v[0], v[3]), v[4] * r.context / 1024);
      return (r.n == r.k ? v[5] : 1) * (v[1] + 2 * v[2] * std::sqrt(v[1] * bytes) + bytes);
    }
    case RowKind::all_reduce: {
      const cards::Fabric fabric{r.link > 0 ? r.link : s.link, s.bandwidth,
                                 s.adds && !(r.link > 0)};
      return cards::all_reduce_seconds(cards::all_reduce_law(r.variant, v), fabric, r.ranks,
                                       r.bytes);
    }
    case RowKind::memory:
      return read_seconds(r.bytes, s, v[0], v[1]);
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
    case RowKind::memory:
      // Read again and again, of which what the cache holds need not come from memory.
      return std::max(0.0, r.bytes - s.cache) / s.bandwidth;
    case RowKind::all_reduce:
      // Each device must at least get what the others have, added up on the way if the switch can.
      return r.bytes / (r.link > 0 ? r.link : s.link) * (r.ranks - 1) / r.ranks;
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
