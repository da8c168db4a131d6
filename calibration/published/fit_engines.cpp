#include "calibration/published/fit_engines.hpp"

#include <cmath>
#include <set>

namespace limen::calibration {

namespace {

std::vector<MeasuredGroup> groups_of(const std::map<std::string, Cell>& cells) {
  std::vector<MeasuredGroup> groups;
  for (const auto& [device, cell] : cells) {
    MeasuredGroup g;
    g.name = device;
    for (const PublishedRow* r : cell.rows) g.observed.push_back(1 / r->measured);
    g.predict = [&prepared = cell.prepared](const std::vector<double>& v,
                                            std::vector<double>& seconds) {
      for (std::size_t i = 0; i < prepared.size(); ++i) seconds[i] = prepared[i].seconds_a_token(v);
    };
    groups.push_back(std::move(g));
  }
  return groups;
}

}  // namespace

EngineFit pool_engines(
    const std::vector<std::string>& engines,
    const std::function<Hierarchy(const std::string&, const std::vector<Coordinate>&)>& fit) {
  const std::vector<Coordinate>& start = engine_coordinates();
  constexpr double belief = 3;
  constexpr int rounds = 3;
  EngineFit out{start, {}};
  const auto count = static_cast<double>(engines.size());
  for (int round = 0; round < rounds; ++round) {
    for (const std::string& engine : engines) out.engines[engine] = fit(engine, out.expected);
    for (std::size_t i = 0; i < start.size(); ++i) {
      const Coordinate& c = start[i];
      double sum = transformed(c.scale, c.typical), squares = belief * c.spread * c.spread;
      for (const auto& [engine, h] : out.engines) sum += h.mean[i];
      const double mean = sum / (count + 1);
      for (const auto& [engine, h] : out.engines) squares += std::pow(h.mean[i] - mean, 2);
      out.expected[i].typical = natural(c.scale, mean);
      out.expected[i].spread = std::sqrt(squares / (count + belief));
    }
  }
  return out;
}

std::vector<std::pair<std::string, cards::LawValue>> any_engine(const EngineFit& fit) {
  Hierarchy any;
  any.coordinates = fit.expected;
  for (const Coordinate& c : fit.expected) {
    any.mean.push_back(transformed(c.scale, c.typical));
    any.deviation.push_back(std::hypot(c.spread, c.between));
  }
  return any.parameters(nullptr);
}

void fit_engines(const Engines& engines, cards::Laws& laws,
                 std::vector<std::string>& not_identified) {
  std::vector<std::string> names;
  for (const auto& [engine, cells] : engines) names.push_back(engine);
  const EngineFit fit =
      pool_engines(names, [&](const std::string& engine, const std::vector<Coordinate>& expected) {
        return fit_hierarchy(expected, groups_of(engines.at(engine)));
      });
  Rows all;
  std::vector<double> errors;
  for (const auto& [engine, h] : fit.engines) {
    Rows rows;
    std::map<std::string, std::set<std::string>> vendors;
    for (const FittedGroup& g : h.groups) {
      const Rows& own = engines.at(engine).at(g.name).rows;
      rows.insert(rows.end(), own.begin(), own.end());
      laws.all.push_back(law_of(h, &g, "engine", engine, g.name, "all", own));
      errors.insert(errors.end(), g.errors.begin(), g.errors.end());
      vendors[std::string(cards::find_device(g.name)->group)].insert(g.name);
    }
    for (std::string& u : unidentified(h, "engine " + engine))
      not_identified.push_back(std::move(u));
    laws.all.push_back(law_of(h, nullptr, "engine", engine, "", "all", rows));
    cards::Law law = laws.all.back();
    for (const auto& [vendor, members] : vendors) {
      law.group = vendor;
      laws.all.push_back(law_of_relatives(h, members, vendor_kin, law, 0));
    }
    all.insert(all.end(), rows.begin(), rows.end());
  }
  cards::Law unknown = law_of({}, nullptr, "engine", "unknown", "", "all", all);
  unknown.parameters = any_engine(fit);
  unknown.scatter = scatter_of(errors);
  laws.all.push_back(unknown);
}

}  // namespace limen::calibration
