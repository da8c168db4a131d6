#include "calibration/published/fit.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>

#include "calibration/published/fit_devices.hpp"
#include "calibration/published/fit_engines.hpp"
#include "calibration/published/laws.hpp"
#include "model/error.hpp"

namespace limen::calibration {

std::vector<PublishedRow> load_published(const std::string& folder) {
  std::vector<PublishedRow> all;
  bool any = false;
  for (const char* file :
       {"memory.csv", "products.csv", "attention.csv", "all_reduce.csv", "decode.csv"}) {
    const std::filesystem::path path = std::filesystem::path(folder) / file;
    if (!std::filesystem::exists(path)) continue;
    any = true;
    for (PublishedRow& r : rows_of(load_table(path.string()))) all.push_back(std::move(r));
  }
  if (!any)
    throw Error(
        folder +
        ": holds none of memory.csv, products.csv, attention.csv, all_reduce.csv, decode.csv");
  return all;
}

PublishedFit fit_published(const std::vector<PublishedRow>& rows,
                           const std::function<bool(const PublishedRow&)>& keep,
                           const PublishedFit* whole) {
  PublishedFit out;
  std::map<std::pair<RowKind, std::string>, Rows> kernels;
  std::set<std::pair<RowKind, std::string>> changed;
  Rows decode;
  for (const PublishedRow& r : rows) {
    if (r.quality == "C" || !r.problem.empty()) continue;
    if (!keep(r)) {
      changed.insert({r.kind, r.variant});
      continue;
    }
    if (r.kind == RowKind::decode) {
      decode.push_back(&r);
      continue;
    }
    const Sheet& sheet = sheet_of(*r.device);
    if (!not_predictable(r, sheet).empty() || r.link > 0) continue;
    const double least = least_seconds(r, sheet);
    if (r.measured < least) {
      out.refused.push_back(
          fmt::format("{} line {} ({}): {:.3g} of the least time that physics allows", name(r.kind),
                      r.line, r.device_name, r.measured / least));
      continue;
    }
    kernels[{r.kind, r.variant}].push_back(&r);
  }
  // Kernels and libraries that no row is of: what is expected of them before any measurement.
  for (RowKind kind : {RowKind::product, RowKind::all_reduce})
    if (std::any_of(kernels.begin(), kernels.end(),
                    [&](const auto& k) { return k.first.first == kind; }))
      for (const std::string& variant : variants_of(kind)) kernels[{kind, variant}];
  std::vector<std::pair<RowKind, std::string>> order;  // the plain variants first
  for (const auto& [key, all] : kernels) order.push_back(key);
  std::stable_partition(order.begin(), order.end(),
                        [](const auto& key) { return key.second == plain_variant(key.first); });
  for (const auto& key : order) {
    const Rows& all = kernels[key];
    if (whole && !changed.count(key) && !changed.count({key.first, plain_variant(key.first)})) {
      for (const cards::Law& l : whole->laws.all)
        if (l.kind == name(key.first) && l.variant == key.second) out.laws.all.push_back(l);
      continue;
    }
    std::map<std::string, Rows> families;
    for (const PublishedRow* r : all) families[family_of(*r)].push_back(r);
    const double foreign = scatter_of_sources(coordinates_of(key.first, key.second), all);
    for (const auto& [family, own] : families)
      fit_devices(key.first, key.second, family, own, foreign, out.laws, out.unidentified);
    fit_devices(key.first, key.second, "all", all, foreign, out.laws, out.unidentified);
  }
  Engines engines;
  std::map<std::pair<std::string, std::string>, model::Machine> machines;
  cards::Laws kernels_only = out.laws;
  for (const PublishedRow* r : decode) {
    if (r->variant == "unknown") continue;
    const std::string card(r->device->card), library = cards::engine_library(r->variant);
    auto [at, fresh] = machines.try_emplace({card, library});
    if (fresh) at->second = cards::with_kernels(*sheet_of(*r->device).card, kernels_only, library);
    std::string why;
    auto prepared = prepare(*r, at->second, why);
    if (!prepared) continue;
    const double least = prepared->least_seconds_a_token();
    if (1 / r->measured < least) {
      out.refused.push_back(
          fmt::format("decode line {} ({}, {}): {:.3g} of the least time that physics allows",
                      r->line, r->device_name, r->model_name, 1 / r->measured / least));
      continue;
    }
    Cell& cell = engines[r->variant][card];
    cell.rows.push_back(r);
    cell.prepared.push_back(std::move(*prepared));
  }
  fit_engines(engines, out.laws, out.unidentified);
  return out;
}

}  // namespace limen::calibration
