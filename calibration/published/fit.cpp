#include "calibration/published/fit.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::calibration {

namespace {

using Rows = std::vector<const PublishedRow*>;
constexpr double z90 = 1.6449;

std::string sources_of(const Rows& rows) {
  std::set<std::string> names;
  for (const PublishedRow* r : rows) names.insert(r->source);
  return fmt::format("{}", fmt::join(names, ", "));
}

// `foreign`: the least that its scatter may be.
cards::Law law_of(const Hierarchy& h, const FittedGroup* group, const std::string& kind,
                  const std::string& variant, const std::string& device, const std::string& family,
                  const Rows& rows, double foreign = 0) {
  cards::Law law;
  law.kind = kind;
  law.variant = variant;
  law.device = device;
  law.group = family;
  law.parameters = h.parameters(group);
  std::vector<double> errors;
  for (const FittedGroup& g : h.groups)
    if (!group || &g == group) errors.insert(errors.end(), g.errors.begin(), g.errors.end());
  law.scatter = std::max(foreign, scatter_of(errors));
  law.points = static_cast<int>(rows.size());
  law.source = sources_of(rows);
  return law;
}

void note_unidentified(const Hierarchy& h, const std::string& law, PublishedFit& out) {
  for (const FittedGroup& g : h.groups)
    if (!g.unidentified.empty())
      out.unidentified.push_back(fmt::format("{} on {} ({} points): {}", law, g.name,
                                             g.errors.size(), fmt::join(g.unidentified, ", ")));
}

// What the fits of some groups say about a relative of theirs: their mean, with the distribution's
// mean counted as so many groups, and so much of its width.
struct Kinship {
  double outsiders, width;
};
constexpr Kinship generation_kin{1.0 / 3, 0.5}, vendor_kin{1, 1};

cards::Law law_of_relatives(const Hierarchy& h, const std::set<std::string>& members, Kinship kin,
                            cards::Law law, double foreign) {
  std::vector<double> mean(h.mean), errors;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    double sum = kin.outsiders * h.mean[i], count = kin.outsiders;
    for (const FittedGroup& g : h.groups)
      if (members.count(g.name)) {
        sum += g.mean[i];
        ++count;
      }
    mean[i] = sum / count;
  }
  law.parameters.clear();
  for (std::size_t i = 0; i < mean.size(); ++i)
    law.parameters.emplace_back(h.coordinates[i].name,
                                h.value(i, mean[i], kin.width * h.deviation[i]));
  for (const FittedGroup& g : h.groups)
    if (members.count(g.name)) errors.insert(errors.end(), g.errors.begin(), g.errors.end());
  law.scatter = std::max(foreign, scatter_of(errors));
  law.points = static_cast<int>(errors.size());
  return law;
}

// The laws of generations (and for engines of vendors) about a fit whose groups are devices.
void add_relatives(const Hierarchy& h, const cards::Law& pooled, const std::string& suffix,
                   bool vendors, double foreign, PublishedFit& out) {
  std::map<std::string, std::set<std::string>> generations, families;
  for (const FittedGroup& g : h.groups) {
    const cards::Device* d = cards::find_device(g.name);
    generations[std::string(cards::generation(*d))].insert(g.name);
    families[std::string(d->group)].insert(g.name);
  }
  cards::Law law = pooled;
  for (const auto& [name, members] : generations) {
    if (name.empty()) continue;
    law.group = name + suffix;
    out.laws.all.push_back(law_of_relatives(h, members, generation_kin, law, foreign));
  }
  for (const auto& [name, members] : families) {
    if (!vendors) continue;
    law.group = name;
    out.laws.all.push_back(law_of_relatives(h, members, vendor_kin, law, foreign));
  }
}

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

// What the laws of devices miss when all that one source measured is left out of them: another
// laboratory has other versions, clocks and ways of timing. 0: no device was measured by two.
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

// One kind and variant over the devices of a family; its devices' laws if they belong to it.
void fit_devices(RowKind kind, const std::string& variant, const std::string& family,
                 const Rows& rows, double foreign, PublishedFit& out) {
  const std::map<std::string, Rows> devices = by_device(rows);
  // Kernels of other formats are relatives of the 16-bit ones, and every library falls back to
  // NCCL: what those are like is expected first.
  std::vector<Coordinate> coordinates = coordinates_of(kind, variant);
  const std::string plain = plain_variant(kind);
  const cards::Law* relative =
      variant == plain ? nullptr : out.laws.find(name(kind), plain, "", {family});
  constexpr double near = 0.4;
  for (Coordinate& c : coordinates)
    if (relative && relative->has(c.name)) {
      c.typical = relative->of(c.name).value;
      c.spread = std::min(c.spread, near);
    }
  const bool all = family == "all";
  Hierarchy h = fit_hierarchy(coordinates, groups_of(devices));
  if (!all) {
    for (const FittedGroup& g : h.groups)
      out.laws.all.push_back(
          law_of(h, &g, name(kind), variant, g.name, family, devices.at(g.name), foreign));
    note_unidentified(h, fmt::format("{} {}", name(kind), variant), out);
  } else {
    // It is asked by devices of vendors that nobody measured: these lie further apart.
    constexpr double strangers = 1.5;
    for (double& d : h.deviation) d *= strangers;
  }
  out.laws.all.push_back(law_of(h, nullptr, name(kind), variant, "", family, rows, foreign));
  if (!all)
    add_relatives(h, out.laws.all.back(), kind == RowKind::all_reduce ? " " + family : "", false,
                  foreign, out);
}

struct Cell {
  Rows rows;
  std::vector<PreparedDecode> prepared;
};

// Engines about all engines, and in each its cells about it: empirical Bayes on two floors.
void fit_engines(std::map<std::string, std::map<std::string, Cell>>& engines, PublishedFit& out) {
  std::vector<Coordinate> prior = engine_coordinates();
  const std::vector<Coordinate> start = prior;
  const std::size_t k = prior.size();
  constexpr double belief = 3;
  std::map<std::string, Hierarchy> fitted;
  for (int round = 0; round < 3; ++round) {
    for (const auto& [engine, cells] : engines) {
      std::vector<MeasuredGroup> groups;
      for (const auto& [device, cell] : cells) {
        MeasuredGroup g;
        g.name = device;
        for (const PublishedRow* r : cell.rows) g.observed.push_back(1 / r->measured);
        g.predict = [&prepared = cell.prepared](const std::vector<double>& v,
                                                std::vector<double>& seconds) {
          for (std::size_t i = 0; i < prepared.size(); ++i)
            seconds[i] = prepared[i].seconds_a_token(v);
        };
        groups.push_back(std::move(g));
      }
      fitted[engine] = fit_hierarchy(prior, groups);
    }
    const auto count = static_cast<double>(fitted.size());
    for (std::size_t i = 0; i < k; ++i) {
      const Coordinate& c = start[i];
      double sum = transformed(c.scale, c.typical), squares = belief * c.spread * c.spread;
      for (const auto& [engine, h] : fitted) sum += h.mean[i];
      const double mean = sum / (count + 1);
      for (const auto& [engine, h] : fitted) squares += std::pow(h.mean[i] - mean, 2);
      prior[i].typical = natural(c.scale, mean);
      prior[i].spread = std::sqrt(squares / (count + belief));
    }
  }
  Rows all;
  std::vector<double> errors;
  for (auto& [engine, h] : fitted) {
    Rows rows;
    for (const FittedGroup& g : h.groups) {
      const Rows& own = engines[engine][g.name].rows;
      rows.insert(rows.end(), own.begin(), own.end());
      out.laws.all.push_back(law_of(h, &g, "engine", engine, g.name, "all", own));
      errors.insert(errors.end(), g.errors.begin(), g.errors.end());
    }
    note_unidentified(h, "engine " + engine, out);
    out.laws.all.push_back(law_of(h, nullptr, "engine", engine, "", "all", rows));
    const cards::Law pooled = out.laws.all.back();
    add_relatives(h, pooled, "", true, 0, out);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  Hierarchy any;
  any.coordinates = prior;
  for (const Coordinate& c : prior) {
    any.mean.push_back(transformed(c.scale, c.typical));
    any.deviation.push_back(std::hypot(c.spread, c.between));
  }
  cards::Law unknown = law_of(any, nullptr, "engine", "unknown", "", "all", all);
  unknown.scatter = scatter_of(errors);
  out.laws.all.push_back(unknown);
}

}  // namespace

double scatter_of(std::vector<double> errors) {
  if (errors.empty()) return 0;
  for (double& e : errors) e = std::abs(std::log1p(std::max(e, -0.99)));
  std::sort(errors.begin(), errors.end());
  const auto at = static_cast<std::size_t>(std::ceil(0.9 * static_cast<double>(errors.size()))) - 1;
  constexpr double believed = 20, usual = 0.1;
  const double own = errors[at] / z90, n = static_cast<double>(errors.size());
  return std::sqrt((n * own * own + believed * usual * usual) / (n + believed));
}

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
      fit_devices(key.first, key.second, family, own, foreign, out);
    fit_devices(key.first, key.second, "all", all, foreign, out);
  }
  std::map<std::string, std::map<std::string, Cell>> engines;
  std::map<std::pair<std::string, std::string>, model::Machine> machines;
  cards::Laws kernels_only = out.laws;
  for (const PublishedRow* r : decode) {
    if (r->variant == "unknown") continue;
    const std::string card(r->device->card), library = cards::engine_library(r->variant);
    auto [at, fresh] = machines.try_emplace({card, library});
    if (fresh)
      at->second = cards::with_kernels(*sheet_of(*r->device).card, kernels_only, library, true);
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
  fit_engines(engines, out);
  return out;
}

}  // namespace limen::calibration
