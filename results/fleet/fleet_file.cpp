#include "results/fleet/fleet_file.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "results/fields.hpp"
#include "results/fleet/host_order.hpp"
#include "results/text.hpp"

namespace limen::results::fleet {

using nlohmann::json;

namespace {

constexpr int fleet_schema = 1;
constexpr std::size_t most_worst = 5;

json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json json_of(const Interval& i) { return i.known() ? json{i.low, i.high} : json(); }

json json_of(const Figure& f) {
  json parameters = json::object();
  for (const auto& [key, value] : f.parameters)
    std::visit([&parameters, &name = key](const auto& v) { parameters[name] = v; }, value);
  return {{"probe", f.probe}, {"parameters", parameters}, {"unit", name_of(f.unit)}};
}

json json_of(const std::vector<Left>& list) {
  json out = json::array();
  for (const Left& left : list) out.push_back({{"path", left.path}, {"why", left.why}});
  return out;
}

json json_of(const Node& node) {
  json facts = json::object();
  for (std::size_t i = 0; i < Facts::names.size(); ++i)
    if (!node.facts.values[i].empty()) facts[Facts::names[i]] = node.facts.values[i];
  return {{"host", node.host},
          {"rack", rack_of(node.host)},
          {"runs", node.runs},
          {"started", node.started},
          {"finished", node.finished},
          {"facts", facts},
          {"invalid", node.invalid},
          {"marked",
           {{"throttled", node.marks.throttled},
            {"clock_changed", node.marks.clock_changed},
            {"stolen", node.marks.stolen},
            {"context_switch", node.marks.context_switch}}}};
}

json json_of(const Group& group, const std::vector<Outlier>& outliers) {
  json out = json::array();
  for (const Outlier& o : outliers) {
    json figures = json::array();
    for (const Deviation& d : o.alarms) {
      figures.push_back(json_of(group.figures[d.figure]));
      figures.back()["ratio"] = number(d.ratio);
      figures.back()["score"] = number(d.score);
    }
    out.push_back({{"host", group.nodes[o.node].host},
                   {"suspect", name_of(o.suspect).name},
                   {"evidence", o.evidence},
                   {"figures", figures}});
  }
  return out;
}

json json_of(const std::vector<SlowLink>& links) {
  json out = json::array();
  for (const SlowLink& l : links)
    out.push_back({{"hosts", l.hosts},
                   {"between", l.between},
                   {"slow", l.slow},
                   {"others", l.others},
                   {"ratio", number(l.ratio)}});
  return out;
}

json json_of(const Group& group, const Judgement& judgement) {
  json nodes = json::array(), figures = json::array(), incomplete = json::array();
  for (const Node& node : group.nodes) nodes.push_back(json_of(node));
  for (std::size_t f = 0; f < group.figures.size(); ++f) {
    const Distribution& d = judgement.spread[f];
    json figure = json_of(group.figures[f]);
    figure.update({{"n", d.n},
                   {"median", d.median},
                   {"interval", json_of(d.interval)},
                   {"mad", d.mad},
                   {"p5", d.p5},
                   {"p25", d.p25},
                   {"p75", d.p75},
                   {"p95", d.p95},
                   {"modes", d.modes}});
    for (const Worst& w : worst_of(group, f, most_worst))
      figure["worst"].push_back({{"host", group.nodes[w.node].host}, {"value", w.value}});
    for (const double value : group.values[f]) figure["values"].push_back(number(value));
    figures.push_back(std::move(figure));
  }
  for (const std::size_t n : judgement.incomplete) incomplete.push_back(group.nodes[n].host);
  return {{"cpu", group.cpu},
          {"gpu", group.gpu},
          {"nodes", std::move(nodes)},
          {"figures", std::move(figures)},
          {"outliers", json_of(group, judgement.outliers)},
          {"incomplete", incomplete},
          {"alarm_score", judgement.alarm},
          {"expected_false_alarms", false_alarms}};
}

json json_of(const Drift& drift) {
  json groups = json::array();
  for (const GroupDrift& g : drift.groups) {
    json figures = json::array();
    for (const FigureDrift& f : g.figures) {
      figures.push_back(json_of(f.figure));
      figures.back().update({{"n", f.n},
                             {"ratio", f.ratio},
                             {"interval", json_of(f.interval)},
                             {"p", f.p},
                             {"p_holm", f.holm_p},
                             {"verdict", !f.significant() ? ""
                                         : f.better()     ? "better"
                                                          : "worse"}});
    }
    groups.push_back({{"cpu", g.cpu},
                      {"gpu", g.gpu},
                      {"figures", figures},
                      {"hosts", json_of(g.ratios, g.hosts.outliers)}});
  }
  return {{"groups", groups},
          {"gone", drift.gone},
          {"added", drift.added},
          {"other_hardware", drift.other_hardware}};
}

std::string quoted(const std::string& cell) {
  if (cell.find_first_of(",\"\n\r") == std::string::npos) return cell;
  std::string out = "\"";
  for (const char c : cell) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

Parameters read_parameters(const json& value, const Fields& at) {
  Parameters parameters;
  if (!value.is_object()) at.fail("'parameters' is no object");
  for (const auto& [key, entry] : value.items()) {
    if (entry.is_string()) {
      parameters[key] = entry.get<std::string>();
    } else {
      std::int64_t whole = 0;
      at.convert(entry, key, whole);
      parameters[key] = whole;
    }
  }
  return parameters;
}

Unit read_unit(const std::string& name, const Fields& at) {
  for (const Unit unit : {Unit::seconds, Unit::bytes_per_second, Unit::flops_per_second})
    if (name == name_of(unit)) return unit;
  at.fail("unknown unit '" + name + "'");
}

const json& array_of(const json& value, const char* what, const Fields& at) {
  if (!value.is_array()) at.fail(fmt::format("'{}' is no array", what));
  return value;
}

// Reads what drift() needs; the rest was concluded from it.
Group read_group(const json& value, const std::string& file) {
  Fields at(value, file);
  Group group;
  at.convert(at.need("cpu"), "cpu", group.cpu);
  at.convert(at.need("gpu"), "gpu", group.gpu);
  for (const json& entry : array_of(at.need("nodes"), "nodes", at)) {
    Fields node(entry, file);
    node.convert(node.need("host"), "host", group.nodes.emplace_back().host);
  }
  for (const json& entry : array_of(at.need("figures"), "figures", at)) {
    Fields figure(entry, file);
    Figure& f = group.figures.emplace_back();
    std::string unit;
    figure.convert(figure.need("probe"), "probe", f.probe);
    figure.convert(figure.need("unit"), "unit", unit);
    f.unit = read_unit(unit, figure);
    f.parameters = read_parameters(figure.need("parameters"), figure);
    auto& values = group.values.emplace_back();
    for (const json& v : array_of(figure.need("values"), "values", figure)) {
      values.push_back(std::numeric_limits<double>::quiet_NaN());
      if (v.is_null()) continue;
      figure.convert(v, "values", values.back());
      if (!(values.back() > 0)) figure.fail(fmt::format("a value of {}", values.back()));
    }
    if (values.size() != group.nodes.size()) figure.fail("has not one value a node");
  }
  set_parts(group.figures);
  return group;
}

}  // namespace

Merged merged(Collected collected) {
  Merged out;
  for (const Group& group : collected.fleet.groups) {
    out.judgements.push_back(judge(group));
    out.links.push_back(find_slow_links(group));
  }
  out.collected = std::move(collected);
  return out;
}

std::vector<Worst> worst_of(const Group& group, std::size_t figure, std::size_t most) {
  std::vector<Worst> all;
  for (const std::size_t n : group.having(figure)) all.push_back({n, group.values[figure][n]});
  most = std::min(most, all.size());
  const bool low_is_worse = more_is_better(group.figures[figure].unit);
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(most), all.end(),
                    [low_is_worse](const Worst& a, const Worst& b) {
                      if (a.value != b.value) return (a.value < b.value) == low_is_worse;
                      return a.node < b.node;
                    });
  all.resize(most);
  return all;
}

std::string to_json(const Merged& fleet) {
  json groups = json::array();
  for (std::size_t g = 0; g < fleet.judgements.size(); ++g) {
    groups.push_back(json_of(fleet.collected.fleet.groups[g], fleet.judgements[g]));
    groups.back()["slow_links"] = json_of(fleet.links[g]);
  }
  json root{{"fleet", fleet_schema},
            {"runs", fleet.collected.runs},
            {"left_out", json_of(fleet.collected.left_out)},
            {"remarks", json_of(fleet.collected.remarks)},
            {"groups", std::move(groups)}};
  if (fleet.drift) root["drift"] = json_of(*fleet.drift);
  return root.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string to_csv(const Merged& fleet) {
  std::string out = "cpu,gpu,rack,host,probe,parameters,unit,value,ratio_to_median,suspect\n";
  for (std::size_t g = 0; g < fleet.judgements.size(); ++g) {
    const Group& group = fleet.collected.fleet.groups[g];
    const Judgement& judgement = fleet.judgements[g];
    std::vector<const char*> suspects(group.nodes.size(), "");
    for (const Outlier& o : judgement.outliers) suspects[o.node] = name_of(o.suspect).name;
    const std::string models = quoted(group.cpu) + "," + quoted(group.gpu);
    std::vector<std::string> names;
    for (const Figure& f : group.figures)
      names.push_back(fmt::format("{},{},{}", quoted(f.probe),
                                  quoted(results::describe(f.parameters)), name_of(f.unit)));
    for (std::size_t n = 0; n < group.nodes.size(); ++n) {
      const std::string& host = group.nodes[n].host;
      const std::string node = models + "," + quoted(rack_of(host)) + "," + quoted(host);
      for (std::size_t f = 0; f < names.size(); ++f) {
        const double value = group.values[f][n];
        if (std::isnan(value)) continue;
        fmt::format_to(std::back_inserter(out), "{},{},{},{:.6g},{}\n", node, names[f], value,
                       value / judgement.spread[f].median, suspects[n]);
      }
    }
  }
  return out;
}

Fleet read_fleet(const std::string& text, const std::string& file) {
  const json root = parse_json(text, file, 1);
  Fields at(root, file);
  int schema = 0;
  at.convert(at.need("fleet"), "fleet", schema);
  if (schema != fleet_schema)
    at.fail(fmt::format("fleet version {}, but this limen reads version {}", schema, fleet_schema));
  Fleet fleet;
  for (const json& group : array_of(at.need("groups"), "groups", at))
    fleet.groups.push_back(read_group(group, file));
  return fleet;
}

}  // namespace limen::results::fleet
