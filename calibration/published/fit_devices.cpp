#include "calibration/published/fit_devices.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "calibration/published/laws.hpp"

namespace limen::calibration {

namespace {

std::vector<MeasuredGroup> groups_of(const std::map<std::string, Rows>& by_device) {
  std::vector<MeasuredGroup> groups;
  for (const auto& [device, own] : by_device) {
    MeasuredGroup g;
    g.name = device;
    for (const PublishedRow* r : own) g.observed.push_back(r->measured);
    g.predict = [own = own](const std::vector<double>& values, std::vector<double>& seconds) {
      for (std::size_t i = 0; i < own.size(); ++i)
        seconds[i] = predicted_seconds(*own[i], sheet_of(*own[i]->device), values);
    };
    groups.push_back(std::move(g));
  }
  return groups;
}

std::map<std::string, Rows> by_device(const Rows& rows) {
  std::map<std::string, Rows> out;
  for (const PublishedRow* r : rows) out[std::string(r->device->card)].push_back(r);
  return out;
}

}  // namespace

std::vector<Coordinate> expected(RowKind kind, const std::string& variant,
                                 const std::string& family, const cards::Laws& laws) {
  std::vector<Coordinate> coordinates = coordinates_of(kind, variant);
  const std::string plain = plain_variant(kind);
  const cards::Law* relative =
      variant == plain ? nullptr : laws.find(name(kind), plain, "", {family});
  constexpr double near = 0.4;
  for (Coordinate& c : coordinates)
    if (relative && relative->has(c.name)) {
      c.typical = relative->of(c.name).value;
      c.spread = std::min(c.spread, near);
    }
  return coordinates;
}

double scatter_of_sources(const std::vector<Coordinate>& coordinates, const Rows& rows) {
  std::set<std::string> sources;
  for (const PublishedRow* r : rows) sources.insert(r->source);
  std::vector<double> errors;
  for (const std::string& s : sources) {
    Rows kept, left_out;
    for (const PublishedRow* r : rows) (r->source == s ? left_out : kept).push_back(r);
    const auto others = by_device(kept);
    auto held = by_device(left_out);
    std::erase_if(held, [&](const auto& h) { return !others.count(h.first); });
    if (held.empty()) continue;
    const Hierarchy h = fit_hierarchy(coordinates, groups_of(others));
    for (const MeasuredGroup& g : groups_of(held)) {
      const auto at = std::find_if(h.groups.begin(), h.groups.end(),
                                   [&](const FittedGroup& f) { return f.name == g.name; });
      std::vector<double> seconds(g.observed.size());
      g.predict(h.values(&*at), seconds);
      for (std::size_t i = 0; i < seconds.size(); ++i)
        errors.push_back(seconds[i] / g.observed[i] - 1);
    }
  }
  return scatter_of(errors);
}

void fit_devices(RowKind kind, const std::string& variant, const std::string& family,
                 const Rows& rows, double foreign, cards::Laws& laws,
                 std::vector<std::string>& not_identified) {
  const std::map<std::string, Rows> devices = by_device(rows);
  const std::vector<Coordinate> coordinates = expected(kind, variant, family, laws);
  const bool all = family == "all";
  Hierarchy h = fit_hierarchy(coordinates, groups_of(devices));
  if (!all) {
    for (const FittedGroup& g : h.groups)
      laws.all.push_back(
          law_of(h, &g, name(kind), variant, g.name, family, devices.at(g.name), foreign));
    for (std::string& u : unidentified(h, fmt::format("{} {}", name(kind), variant)))
      not_identified.push_back(std::move(u));
  } else {
    for (double& d : h.deviation) d *= strangers;
  }
  laws.all.push_back(law_of(h, nullptr, name(kind), variant, "", family, rows, foreign));
  if (all) return;
  cards::Law law = laws.all.back();
  std::map<std::string, std::set<std::string>> generations;
  for (const FittedGroup& g : h.groups)
    generations[std::string(cards::generation(*cards::find_device(g.name)))].insert(g.name);
  for (const auto& [generation, members] : generations) {
    if (generation.empty()) continue;
    law.group = generation_group(kind, generation, family);
    laws.all.push_back(law_of_relatives(h, members, generation_kin, law, foreign));
  }
}

}  // namespace limen::calibration
