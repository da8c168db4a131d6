#include "results/fleet/drift.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "results/fleet/host_order.hpp"
#include "results/order.hpp"

namespace limen::results::fleet {

namespace {

struct Place {
  const Group* group;
  std::size_t node;
};
std::map<std::string, std::vector<Place>> hosts_of(const Fleet& fleet) {
  std::map<std::string, std::vector<Place>> hosts;
  for (const Group& group : fleet.groups)
    for (std::size_t n = 0; n < group.nodes.size(); ++n)
      hosts[group.nodes[n].host].push_back({&group, n});
  return hosts;
}

bool same_models(const Group& a, const Group& b) { return a.cpu == b.cpu && a.gpu == b.gpu; }

// The hosts that both groups have, with the ratios of their figures.
Group ratios_of(const Group& now, const Group& then) {
  std::map<std::string, std::size_t> before;
  for (std::size_t n = 0; n < then.nodes.size(); ++n) before[then.nodes[n].host] = n;
  std::map<Figure, std::size_t> figures;
  for (std::size_t f = 0; f < then.figures.size(); ++f) figures[then.figures[f]] = f;
  Group out;
  out.cpu = now.cpu, out.gpu = now.gpu;
  std::vector<std::pair<std::size_t, std::size_t>> pairs;  // places of a host now and then
  for (std::size_t n = 0; n < now.nodes.size(); ++n) {
    const auto found = before.find(now.nodes[n].host);
    if (found == before.end()) continue;
    pairs.emplace_back(n, found->second);
    out.nodes.push_back(now.nodes[n]);
  }
  for (std::size_t f = 0; f < now.figures.size(); ++f) {
    const auto found = figures.find(now.figures[f]);
    if (found == figures.end()) continue;
    std::vector<double> row;
    for (const auto& [n, b] : pairs)
      row.push_back(now.values[f][n] / then.values[found->second][b]);
    if (std::all_of(row.begin(), row.end(), [](double x) { return std::isnan(x); })) continue;
    out.figures.push_back(now.figures[f]);
    out.values.push_back(std::move(row));
  }
  return out;
}

FigureDrift drift_of(const Group& ratios, std::size_t f) {
  std::vector<double> sorted;
  for (const std::size_t n : ratios.having(f)) sorted.push_back(ratios.values[f][n]);
  std::sort(sorted.begin(), sorted.end());
  FigureDrift d;
  d.figure = ratios.figures[f];
  d.n = sorted.size();
  d.ratio = quantile_of_sorted(sorted, 0.5);
  d.interval = median_interval(sorted, static_cast<double>(d.n));
  const auto above = std::count_if(sorted.begin(), sorted.end(), [](double x) { return x > 1; });
  const auto below = std::count_if(sorted.begin(), sorted.end(), [](double x) { return x < 1; });
  d.p = sign_test(static_cast<std::size_t>(above), static_cast<std::size_t>(above + below));
  return d;
}

}  // namespace

double sign_test(std::size_t k, std::size_t n) {
  const std::size_t fewer = std::min(k, n - k);
  const double whole = static_cast<double>(n);
  double tail = 0;
  for (std::size_t i = 0; i <= fewer; ++i) {
    const double x = static_cast<double>(i);
    tail += std::exp(std::lgamma(whole + 1) - std::lgamma(x + 1) - std::lgamma(whole - x + 1) -
                     whole * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

Drift drift(const Fleet& now, const Fleet& then) {
  Drift out;
  const auto hosts_now = hosts_of(now), hosts_then = hosts_of(then);
  for (const auto& [host, places] : hosts_now) {
    const auto found = hosts_then.find(host);
    if (found == hosts_then.end()) {
      out.added.push_back(host);
      continue;
    }
    const bool known = std::any_of(places.begin(), places.end(), [&](const Place& a) {
      return std::any_of(found->second.begin(), found->second.end(),
                         [&](const Place& b) { return same_models(*a.group, *b.group); });
    });
    if (!known) out.other_hardware.push_back(host);
  }
  for (const auto& [host, places] : hosts_then)
    if (!hosts_now.count(host)) out.gone.push_back(host);
  for (auto* list : {&out.gone, &out.added, &out.other_hardware})
    std::sort(list->begin(), list->end(), host_before);

  for (const Group& a : now.groups) {
    for (const Group& b : then.groups) {
      if (!same_models(a, b)) continue;
      GroupDrift group{a.cpu, a.gpu, {}, ratios_of(a, b), {}};
      std::vector<double> p;
      for (std::size_t f = 0; f < group.ratios.figures.size(); ++f) {
        group.figures.push_back(drift_of(group.ratios, f));
        p.push_back(group.figures.back().p);
      }
      const std::vector<double> adjusted = holm(p);
      for (std::size_t f = 0; f < p.size(); ++f) group.figures[f].holm_p = adjusted[f];
      group.hosts = judge(group.ratios);
      out.groups.push_back(std::move(group));
    }
  }
  return out;
}

}  // namespace limen::results::fleet
