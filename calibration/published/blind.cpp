#include "calibration/published/blind.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "calibration/published/engine.hpp"
#include "calibration/published/fit_devices.hpp"
#include "calibration/published/fit_engines.hpp"
#include "calibration/published/laws.hpp"
#include "model/parameter.hpp"

namespace limen::calibration {

namespace {

FittedGroup group_of(const cards::Law& law, const std::vector<Coordinate>& coordinates) {
  FittedGroup g;
  g.name = law.device;
  for (const Coordinate& c : coordinates) {
    const cards::LawValue v = law.of(c.name);
    g.mean.push_back(transformed(c.scale, v.value));
    g.deviation.push_back((transformed(c.scale, v.high) - transformed(c.scale, v.low)) /
                          (2 * model::z90));
  }
  return g;
}

// Of the laws' devices of a kind and variant; `family`: "all" of any.
Hierarchy pooled(const cards::Laws& laws, const std::string& kind, const std::string& variant,
                 const std::string& family, const std::vector<Coordinate>& coordinates) {
  std::vector<FittedGroup> groups;
  for (const cards::Law& l : laws.all)
    if (l.kind == kind && l.variant == variant && !l.pooled() &&
        (family == "all" || l.group == family))
      groups.push_back(group_of(l, coordinates));
  return pool_groups(coordinates, std::move(groups),
                     [](std::size_t, const auto&, const auto&, FittedGroup&) {});
}

std::optional<RowKind> kernel_kind(const std::string& word) {
  for (RowKind k : {RowKind::product, RowKind::attention, RowKind::all_reduce, RowKind::memory,
                    RowKind::launch})
    if (word == name(k)) return k;
  return {};
}

// Members of a fit whose word is that of a group.
template <class F>
std::set<std::string> members(const Hierarchy& h, const std::string& group, F&& word) {
  std::set<std::string> out;
  for (const FittedGroup& g : h.groups)
    if (word(*cards::find_device(g.name)) == group) out.insert(g.name);
  return out;
}

// The pooled law again; nothing if nobody else is of its group.
std::optional<cards::Law> kernel_law(cards::Law law, RowKind kind, const cards::Laws& fits,
                                     const cards::Laws& done,
                                     const std::set<std::string>& families) {
  if (law.group == "all" || families.count(law.group)) {
    Hierarchy h = pooled(fits, law.kind, law.variant, law.group,
                         expected(kind, law.variant, law.group, done));
    if (law.group == "all") {
      for (double& d : h.deviation) d *= strangers;
    } else if (h.groups.empty()) {
      return {};
    }
    law.parameters = h.parameters(nullptr);
    return law;
  }
  for (const std::string& family : families) {
    const Hierarchy h =
        pooled(fits, law.kind, law.variant, family, expected(kind, law.variant, family, done));
    const auto kin = members(h, law.group, [&](const cards::Device& d) {
      return generation_group(kind, std::string(cards::generation(d)), family);
    });
    if (!kin.empty()) return law_of_relatives(h, kin, generation_kin, law, law.scatter);
  }
  return {};
}

void add_engines(const cards::Laws& laws, const cards::Laws& fits, cards::Laws& out) {
  std::set<std::string> engines;
  for (const cards::Law& l : fits.all)
    if (l.kind == "engine" && !l.pooled()) engines.insert(l.variant);
  const EngineFit fit =
      pool_engines({engines.begin(), engines.end()},
                   [&](const std::string& engine, const std::vector<Coordinate>& coordinates) {
                     return pooled(fits, "engine", engine, "all", coordinates);
                   });
  for (cards::Law law : laws.all) {
    if (law.kind != "engine" || !law.pooled()) continue;
    if (law.variant == "unknown") {
      law.parameters = any_engine(fit);
    } else if (!engines.count(law.variant)) {
      continue;
    } else if (const Hierarchy& h = fit.engines.at(law.variant); law.group == "all") {
      law.parameters = h.parameters(nullptr);
    } else {
      const auto kin = members(h, law.group, [](const cards::Device& d) { return d.group; });
      if (kin.empty()) continue;
      law = law_of_relatives(h, kin, vendor_kin, law, law.scatter);
    }
    out.all.push_back(std::move(law));
  }
}

}  // namespace

cards::Laws laws_without(const cards::Laws& laws, std::string_view device) {
  cards::Laws fits, out;
  std::map<std::string, std::set<std::string>> families;  // of a kind
  for (const cards::Law& l : laws.all) {
    if (!l.pooled()) families[l.kind].insert(l.group);
    if (!l.pooled() && l.device != device) fits.all.push_back(l);
  }
  // In the order of the file the plain variants stand before those that are expected to be like
  // them, and a family before its generations.
  for (const cards::Law& l : laws.all) {
    const auto kind = kernel_kind(l.kind);
    if (!kind || !l.pooled()) continue;
    if (auto law = kernel_law(l, *kind, fits, out, families[l.kind])) out.all.push_back(*law);
  }
  add_engines(laws, fits, out);
  out.all.insert(out.all.end(), fits.all.begin(), fits.all.end());
  return out;
}

}  // namespace limen::calibration
