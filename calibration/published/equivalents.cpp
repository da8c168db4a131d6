#include "calibration/published/equivalents.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "calibration/published/laws.hpp"
#include "results/statistics.hpp"

namespace limen::calibration {

namespace {

// What must be the same for two rows to be of one kind: device, kernel, library or engine, ranks,
// width.
std::string kind_key(const PublishedRow& r, bool any_engine = false) {
  std::string key =
      fmt::format("{}|{}|{}|{}", name(r.kind), r.device->card, any_engine ? "" : r.variant,
                  r.link > 0 ? r.link : sheet_of(*r.device).link);
  if (r.kind == RowKind::all_reduce) key += fmt::format("|{}|{}", r.ranks, r.nodes);
  if (r.kind == RowKind::decode)
    key += fmt::format("|{}|{}|{}|{}|{:.2f}|{:.0f}", r.partition.tp, r.partition.pp, r.partition.ep,
                       r.with_prefill, r.weight_bytes, r.kv_bytes);
  return key;
}

std::string case_key(const PublishedRow& r, bool any_engine = false) {
  return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", kind_key(r, any_engine), r.m, r.n, r.k,
                     r.context, r.bytes, r.model_name, r.batch, r.input, r.output);
}

std::string origin(const PublishedRow& r) {
  return fmt::format("{}|{}|{}", r.source, r.framework, r.device_name);
}

// Where a row lies among those of its kind: logarithms of what its time depends on.
std::vector<double> place(const PublishedRow& r) {
  switch (r.kind) {
    case RowKind::product:
      return {std::log(r.m), std::log(r.n * r.k)};
    case RowKind::attention:
      return {std::log(r.m), std::log(r.context), std::log(r.k)};
    case RowKind::all_reduce:
    case RowKind::memory:
      return {std::log(r.bytes)};
    case RowKind::launch:
      return {};
    case RowKind::decode:
      return {std::log(r.batch), std::log(r.transformer->parameters()),
              std::log(r.input + r.output / 2)};
  }
  return {};
}

double distance(const PublishedRow& a, const PublishedRow& b) {
  const auto x = place(a), y = place(b);
  double most = 0;
  for (std::size_t i = 0; i < x.size(); ++i) most = std::max(most, std::abs(x[i] - y[i]));
  return most;
}

using Group = std::vector<const Judged*>;
// What the others of a group foretell of one of them.
using Foretell = std::function<std::vector<double>(const Judged&, const Group&)>;

Equivalence equivalence(const std::string& what, const std::vector<Judged>& fitted,
                        const std::function<std::string(const PublishedRow&)>& key,
                        const Foretell& foretell) {
  std::map<std::string, Group> groups;
  for (const Judged& j : fitted)
    if (const std::string k = j.evaluation.predicted ? key(*j.row) : ""; !k.empty())
      groups[k].push_back(&j);
  Equivalence out{what, {}};
  for (const auto& [k, group] : groups)
    for (const Judged* j : group) {
      const std::vector<double> told = foretell(*j, group);
      if (told.empty()) continue;
      Evaluation e;
      e.predicted = true;
      e.value = results::median_of(told);
      e.low = e.high = NAN;
      out.judged.push_back({j->row, e});
    }
  return out;
}

std::vector<double> nearest_elsewhere(const Judged& j, const Group& group) {
  constexpr double near = 0.4055;  // ln 1.5
  double least = near;
  std::vector<double> told;
  for (const Judged* o : group) {
    if (origin(*o->row) == origin(*j.row)) continue;
    const double d = distance(*o->row, *j.row);
    if (d > least + 1e-9) continue;
    if (d < least - 1e-9) told.clear();
    least = std::min(least, d);
    told.push_back(o->row->measured * j.evaluation.value / o->evaluation.value);
  }
  return told;
}

Foretell measured_where(std::function<bool(const PublishedRow&, const PublishedRow&)> other) {
  return [other = std::move(other)](const Judged& j, const Group& group) {
    std::vector<double> told;
    for (const Judged* o : group)
      if (o != &j && other(*o->row, *j.row)) told.push_back(o->row->measured);
    return told;
  };
}

}  // namespace

std::vector<Equivalence> equivalences(const std::vector<Judged>& fitted) {
  using Row = PublishedRow;
  return {
      equivalence(
          "measured again", fitted, [](const Row& r) { return case_key(r); },
          measured_where([](const Row& a, const Row& b) { return origin(a) == origin(b); })),
      equivalence(
          "another source", fitted, [](const Row& r) { return kind_key(r); }, nearest_elsewhere),
      equivalence(
          "another engine", fitted,
          [](const Row& r) { return r.kind == RowKind::decode ? case_key(r, true) : ""; },
          measured_where([](const Row& a, const Row& b) { return a.variant != b.variant; })),
      equivalence(
          "cut otherwise", fitted,
          [](const Row& r) {
            return r.kind == RowKind::attention
                       ? fmt::format("{}|{:.0f}|{}", kind_key(r), r.bytes, r.n == r.k)
                       : "";
          },
          measured_where([](const Row&, const Row&) { return true; }))};
}

}  // namespace limen::calibration
