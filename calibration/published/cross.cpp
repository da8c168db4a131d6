#include "calibration/published/cross.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "calibration/published/equivalents.hpp"
#include "calibration/published/fit.hpp"

namespace limen::calibration {

namespace {

bool usable(const PublishedRow& r) { return r.quality != "C" && r.problem.empty(); }

// The tables of the result that a row belongs to.
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
  for (const Equivalence& e : equivalences(fitted)) add(e.what, e.judged);
  std::stable_sort(out.begin(), out.end(),
                   [](const CrossRow& a, const CrossRow& b) { return a.table < b.table; });
  return out;
}

}  // namespace limen::calibration
