#include "calibration/published/pooled_laws.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "model/parameter.hpp"

namespace limen::calibration {

namespace {

std::string sources_of(const Rows& rows) {
  std::set<std::string> names;
  for (const PublishedRow* r : rows) names.insert(r->source);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

double scatter_of(std::vector<double> errors) {
  if (errors.empty()) return 0;
  for (double& e : errors) e = std::abs(std::log1p(std::max(e, -0.99)));
  std::sort(errors.begin(), errors.end());
  const auto at = static_cast<std::size_t>(std::ceil(0.9 * static_cast<double>(errors.size()))) - 1;
  constexpr double believed = 20, usual = 0.1;
  const double own = errors[at] / model::z90, n = static_cast<double>(errors.size());
  return std::sqrt((n * own * own + believed * usual * usual) / (n + believed));
}

cards::Law law_of(const Hierarchy& h, const FittedGroup* group, const std::string& kind,
                  const std::string& variant, const std::string& device, const std::string& family,
                  const Rows& rows, double foreign) {
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

std::string generation_group(RowKind kind, const std::string& generation,
                             const std::string& family) {
  return kind == RowKind::all_reduce ? generation + " " + family : generation;
}

std::vector<std::string> unidentified(const Hierarchy& h, const std::string& law) {
  std::vector<std::string> out;
  for (const FittedGroup& g : h.groups)
    if (!g.unidentified.empty())
      out.push_back(fmt::format("{} on {} ({} points): {}", law, g.name, g.errors.size(),
                                fmt::join(g.unidentified, ", ")));
  return out;
}

}  // namespace limen::calibration
