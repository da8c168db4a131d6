#include "results/fleet/fleet.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "results/fleet/host_order.hpp"
#include "results/statistics.hpp"

namespace limen::results::fleet {

namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

void join(Node& node, NodeResult& run) {
  node.host = run.host;  // stays with the run: the next one is compared with it
  node.runs.push_back(std::move(run.run));
  node.started = std::move(run.started);
  node.finished = node.finished && run.finished;
  for (std::size_t i = 0; i < Facts::names.size(); ++i)  // collectives say less of their host
    if (!run.facts.values[i].empty()) node.facts.values[i] = std::move(run.facts.values[i]);
  const auto raise = [](double& to, double share) { to = std::max(to, share); };
  raise(node.marks.throttled, run.marks.throttled);
  raise(node.marks.clock_changed, run.marks.clock_changed);
  raise(node.marks.stolen, run.marks.stolen);
  raise(node.marks.context_switch, run.marks.context_switch);
  std::move(run.invalid.begin(), run.invalid.end(), std::back_inserter(node.invalid));
}

// Parts by the figures that most nodes have: one node with more memory than the rest must not say
// what a large working set is.
void set_parts_of(Group& group) {
  std::vector<Figure> common;
  for (std::size_t f = 0; f < group.figures.size(); ++f)
    if (group.having(f).size() * 2 >= group.nodes.size()) common.push_back(group.figures[f]);
  set_parts(common);
  for (Figure& f : group.figures) {
    const auto found = std::find(common.begin(), common.end(), f);
    if (found != common.end()) f.part = found->part;
  }
}

}  // namespace

std::string Group::name() const {
  return (cpu.empty() ? "unknown CPU" : cpu) + (gpu.empty() ? "" : ", " + gpu);
}

std::vector<std::size_t> Group::having(std::size_t figure) const {
  std::vector<std::size_t> places;
  for (std::size_t n = 0; n < nodes.size(); ++n)
    if (!std::isnan(values[figure][n])) places.push_back(n);
  return places;
}

std::size_t Fleet::nodes() const {
  std::size_t n = 0;
  for (const Group& group : groups) n += group.nodes.size();
  return n;
}

void FleetBuilder::add(NodeResult result) {
  Model& model = by_model_[{result.cpu, result.gpu}];
  Row row;
  row.values.reserve(result.figures.size());
  for (auto& [figure, value] : result.figures)
    row.values.emplace_back(
        model.places.try_emplace(std::move(figure), model.places.size()).first->second, value);
  result.figures = {};
  row.about = std::move(result);
  model.rows.push_back(std::move(row));
}

Exchanges FleetBuilder::exchanges_of(Row& row, const std::vector<std::size_t>& places,
                                     const std::vector<Figure>& figures) {
  Exchanges found{row.about.run, std::move(row.about.node_hosts), {}};
  for (const auto& [place, value] : row.values)
    if (nodes_of(figures[places[place]]) > 1) found.values.emplace_back(places[place], value);
  return found;
}

Group FleetBuilder::group_of(Model model) {
  auto& rows = model.rows;
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    const NodeResult &x = a.about, &y = b.about;
    if (x.host != y.host) return host_before(x.host, y.host);
    return std::tie(x.started, x.run) < std::tie(y.started, y.run);
  });
  Group group;
  std::vector<std::size_t> sorted(model.places.size());  // by the place of a figure as it came
  for (const auto& [figure, place] : model.places) {
    sorted[place] = group.figures.size();
    group.figures.push_back(figure);
  }
  std::size_t hosts = 0;
  for (std::size_t i = 0; i < rows.size(); ++i)
    hosts += i == 0 || rows[i].about.host != rows[i - 1].about.host;
  group.nodes.reserve(hosts);
  group.values.assign(sorted.size(), std::vector<double>(hosts, nothing));
  for (std::size_t i = 0, next; i < rows.size(); i = next) {
    std::map<std::size_t, std::vector<double>> of_runs;
    Node node;
    for (next = i; next < rows.size() && rows[next].about.host == rows[i].about.host; ++next) {
      for (const auto& [place, value] : rows[next].values) of_runs[sorted[place]].push_back(value);
      if (auto found = exchanges_of(rows[next], sorted, group.figures); !found.hosts.empty())
        group.exchanges.push_back(std::move(found));
      join(node, rows[next].about);
    }
    for (auto& [figure, values] : of_runs)
      group.values[figure][group.nodes.size()] = median_of(std::move(values));
    group.nodes.push_back(std::move(node));
  }
  return group;
}

Fleet FleetBuilder::build() {
  Fleet fleet;
  for (auto& [models, model] : by_model_) {
    fleet.groups.push_back(group_of(std::move(model)));
    Group& group = fleet.groups.back();
    std::tie(group.cpu, group.gpu) = models;
    set_parts_of(group);
  }
  by_model_.clear();
  std::stable_sort(fleet.groups.begin(), fleet.groups.end(),
                   [](const Group& a, const Group& b) { return a.nodes.size() > b.nodes.size(); });
  return fleet;
}

}  // namespace limen::results::fleet
