#include "calibration/published/cross.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "calibration/published/fit.hpp"

namespace limen::calibration {

namespace {

bool usable(const PublishedRow& r) { return r.quality != "C" && r.problem.empty(); }

std::vector<std::string> tables_of(const PublishedRow& r, bool engine_known) {
  if (r.kind == RowKind::all_reduce)
    return {name(r.kind), fmt::format("{} {}", name(r.kind), r.variant)};
  if (r.kind == RowKind::product)
    return {name(r.kind), r.m <= 64 ? "linear, up to 64 tokens" : "linear, more than 64 tokens"};
  if (r.kind != RowKind::decode) return {name(r.kind)};
  bool dense = true;
  for (const auto& f : r.transformer->feed_forward) dense = dense && f.experts == 0;
  std::vector<std::string> out = {"decode, all"};
  if (r.batch == 1 && dense) {
    out.emplace_back("decode, batch 1, dense");
    out.emplace_back(engine_known ? "decode, batch 1, dense, engine seen elsewhere"
                                  : "decode, batch 1, dense, engine never seen");
    out.push_back(fmt::format("decode, batch 1, dense, {} on {}", r.variant, r.device->card));
  }
  if (r.batch == 1 && !dense) out.emplace_back("decode, batch 1, experts");
  return out;
}

}  // namespace

std::vector<CrossRow> cross_validate(const std::vector<PublishedRow>& rows) {
  std::set<std::string> sources, devices;
  for (const PublishedRow& r : rows) {
    if (!usable(r)) continue;
    sources.insert(r.source);
    devices.insert(std::string(r.device->card));
  }
  std::vector<CrossRow> out;
  auto add = [&](const std::string& left_out, const std::vector<Judged>& judged) {
    std::map<std::string, std::vector<const Judged*>> by_table;
    for (const Judged& j : judged)
      if (j.evaluation.predicted)
        for (const std::string& t : tables_of(*j.row, !j.evaluation.unknown_engine))
          by_table[t].push_back(&j);
    for (const auto& [table, group] : by_table)
      out.push_back({table, left_out, statistics_of(group)});
  };
  const PublishedFit whole = fit_published(rows, [](const PublishedRow&) { return true; });
  auto judge = [&](const std::function<bool(const PublishedRow&)>& held,
                   std::vector<Judged>& judged) {
    const PublishedFit fit = fit_published(
        rows, [&](const PublishedRow& r) { return !held(r); }, &whole);
    const Evaluator evaluate(fit.laws, true);
    for (const PublishedRow& r : rows)
      if (usable(r) && held(r)) judged.push_back({&r, evaluate(r)});
  };
  std::vector<Judged> fitted, by_source, by_device;
  const Evaluator evaluate_whole(whole.laws, true);
  for (const PublishedRow& r : rows)
    if (usable(r)) fitted.push_back({&r, evaluate_whole(r)});
  for (const std::string& s : sources)
    judge([&](const PublishedRow& r) { return r.source == s; }, by_source);
  for (const std::string& d : devices)
    judge([&](const PublishedRow& r) { return r.device && r.device->card == d; }, by_device);
  add("nothing (fitted)", fitted);
  add("the source", by_source);
  add("the device", by_device);
  std::stable_sort(out.begin(), out.end(),
                   [](const CrossRow& a, const CrossRow& b) { return a.table < b.table; });
  return out;
}

std::vector<Spread> spread_of_repeats(const std::vector<PublishedRow>& rows) {
  std::map<std::string, std::map<std::string, std::vector<double>>> cases;
  for (const PublishedRow& r : rows) {
    if (!usable(r)) continue;
    std::string what = name(r.kind), key(r.device->card);
    switch (r.kind) {
      case RowKind::memory:
      case RowKind::launch:
        continue;
      case RowKind::product:
        if (r.host_timed) continue;
        key += fmt::format("|{}|{}|{}|{}", r.variant, r.m, r.n, r.k);
        what += r.m <= 64 ? ", up to 64 tokens" : ", more than 64 tokens";
        break;
      case RowKind::attention:
        key += fmt::format("|{}|{}|{}|{}|{}", r.variant, r.m, r.context, r.n, r.k);
        break;
      case RowKind::all_reduce:
        key += fmt::format("|{}|{}|{}|{}", r.variant, r.ranks, r.nodes, r.bytes);
        what += " " + r.variant;
        break;
      case RowKind::decode:
        key += fmt::format("|{}|{}|{:.2f}|{}|{}|{}|{}|{}|{}", r.variant, r.transformer->name,
                           r.weight_bytes, r.batch, r.partition.tp, r.partition.pp, r.input,
                           r.output, r.with_prefill);
        break;
    }
    cases[what][key].push_back(r.measured);
  }
  std::vector<Spread> out;
  for (auto& [what, all] : cases) {
    Spread s;
    s.what = what;
    std::vector<double> differences;
    for (auto& [key, values] : all) {
      if (values.size() < 2) continue;
      ++s.cases;
      std::sort(values.begin(), values.end());
      const double middle = (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
      for (double v : values) differences.push_back(std::abs(v / middle - 1));
    }
    if (differences.empty()) continue;
    std::sort(differences.begin(), differences.end());
    s.n = differences.size();
    s.median = differences[s.n / 2];
    s.p90 = differences[s.n * 9 / 10];
    out.push_back(s);
  }
  return out;
}

}  // namespace limen::calibration
