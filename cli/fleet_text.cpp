#include "cli/fleet_text.hpp"

#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/text_table.hpp"
#include "report/fleet_map.hpp"
#include "results/text.hpp"

namespace limen::cli {

namespace {

using namespace results::fleet;

constexpr std::size_t most_rows = 40;   // of a map on a terminal
constexpr std::size_t most_hosts = 12;  // in a list that the JSON has whole
constexpr std::size_t worst_shown = 2;

std::string value_text(Unit unit, double value) {
  if (unit == Unit::seconds) return time_text(value);
  const char* name = name_of(unit);
  for (const auto& [factor, prefix] : {std::pair{1e12, "T"}, {1e9, "G"}, {1e6, "M"}})
    if (value >= factor) return fmt::format("{:.4g} {}{}", value / factor, prefix, name);
  return fmt::format("{:.4g} {}", value, name);
}

std::string hosts_text(const std::vector<std::string>& hosts) {
  const std::size_t shown = std::min(hosts.size(), most_hosts);
  std::string text = fmt::format(
      "{}", fmt::join(hosts.begin(), hosts.begin() + static_cast<std::ptrdiff_t>(shown), " "));
  if (shown < hosts.size()) text += fmt::format(" and {} more", hosts.size() - shown);
  return text;
}

std::string spread_text(const Group& group, const Judgement& judgement) {
  TextTable table({"probe", "parameters", ">nodes", ">median", ">95 % interval", ">MAD", ">p5",
                   ">p95", "worst"});
  for (std::size_t f = 0; f < group.figures.size(); ++f) {
    const Figure& figure = group.figures[f];
    const Distribution& d = judgement.spread[f];
    const auto text = [&](double value) { return value_text(figure.unit, value); };
    std::vector<std::string> worst;
    for (const Worst& w : worst_of(group, f, worst_shown))
      worst.push_back(fmt::format("{} at {:.3g}", group.nodes[w.node].host, w.value / d.median));
    std::string remark = d.modes.empty() ? ""
                                         : fmt::format("; two states, {} and {}", text(d.modes[0]),
                                                       text(d.modes[1]));
    table.add({figure.probe, results::describe(figure.parameters), std::to_string(d.n),
               text(d.median), interval_text(d.interval, text), percent(d.mad / d.median),
               text(d.p5), text(d.p95), fmt::format("{}{}", fmt::join(worst, ", "), remark)});
  }
  return table.text();
}

std::string outliers_text(const Group& group, const std::vector<Outlier>& outliers) {
  TextTable table({"host", "suspect", ">z", "evidence"});
  for (const Outlier& o : outliers)
    table.add({group.nodes[o.node].host, name_of(o.suspect).name,
               fmt::format("{:.1f}", o.alarms.front().score), o.evidence});
  return table.text();
}

std::string links_text(const std::vector<SlowLink>& links) {
  std::string out = links.empty() ? "" : "Exchanges between nodes, by all that took part:\n";
  for (const SlowLink& link : links) out += "  " + describe(link) + "\n";
  return out;
}

std::string group_text(const Group& group, const Judgement& judgement,
                       const std::vector<SlowLink>& links, bool colour) {
  std::string out = fmt::format("{}: {} nodes\n{}\n", group.name(), group.nodes.size(),
                                spread_text(group, judgement));
  if (judgement.judged == 0) {
    out += fmt::format("Fewer than {} nodes: none can be told to be off\n", fewest_nodes);
  } else {
    out += fmt::format(
        "Outliers: {} (beyond z {:.1f} and {:.0f} % off; {:g} expected by chance in a fleet "
        "without faults)\n{}",
        judgement.outliers.size(), judgement.alarm, 100 * least_effect, false_alarms,
        judgement.outliers.empty() ? "" : outliers_text(group, judgement.outliers));
  }
  out += links_text(links);
  if (!judgement.incomplete.empty()) {
    std::vector<std::string> hosts;
    for (const std::size_t n : judgement.incomplete) hosts.push_back(group.nodes[n].host);
    out += fmt::format("Lack figures that the others have: {}\n", hosts_text(hosts));
  }
  for (const Node& node : group.nodes)
    for (const std::string& why : node.invalid)
      out += fmt::format("Invalid on {}: {}\n", node.host, why);
  return out + "\n" + report::fleet_map(group, judgement, colour, most_rows);
}

std::string drift_text(const Drift& drift) {
  std::string out;
  for (const GroupDrift& g : drift.groups) {
    TextTable table(
        {"probe", "parameters", ">hosts", ">now / then", ">95 % interval", ">p (Holm)", "now is"});
    for (const FigureDrift& f : g.figures)
      table.add({f.figure.probe, results::describe(f.figure.parameters), std::to_string(f.n),
                 fmt::format("{:.4f}", f.ratio),
                 interval_text(f.interval, [](double end) { return fmt::format("{:.4f}", end); }),
                 fmt::format("{:.2g}", f.holm_p),
                 !f.significant() ? ""
                 : f.better()     ? "better"
                                  : "worse"});
    out += fmt::format("\nSince the earlier fleet, {}: {} hosts, each with itself\n{}",
                       g.ratios.name(), g.ratios.nodes.size(), table.text());
    out +=
        fmt::format("Hosts that changed otherwise than the rest: {}\n{}", g.hosts.outliers.size(),
                    g.hosts.outliers.empty() ? "" : outliers_text(g.ratios, g.hosts.outliers));
  }
  for (const auto& [what, hosts] : {std::pair{"No longer there", &drift.gone},
                                    {"New", &drift.added},
                                    {"Other hardware than then", &drift.other_hardware}})
    if (!hosts->empty()) out += fmt::format("{}: {}\n", what, hosts_text(*hosts));
  return out;
}

}  // namespace

std::string fleet_text(const Merged& fleet, bool colour) {
  std::string out;
  for (std::size_t g = 0; g < fleet.judgements.size(); ++g) {
    if (g > 0) out += '\n';
    out += group_text(fleet.collected.fleet.groups[g], fleet.judgements[g], fleet.links[g], colour);
  }
  if (fleet.drift) out += drift_text(*fleet.drift);
  return out;
}

}  // namespace limen::cli
