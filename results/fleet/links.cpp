#include "results/fleet/links.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "results/fleet/outliers.hpp"

namespace limen::results::fleet {

namespace {

using Hosts = std::set<std::string>;

// What a run says of exchanges among the first n of its hosts: the logarithm of the time over the
// median of runs, the median over figures; of small messages, which tell of latency, and of large
// ones, which tell of bandwidth.
struct Exchange {
  Hosts hosts;
  std::array<std::optional<double>, 2> log_ratio;
};
std::size_t is_large(const Figure& figure) {
  constexpr std::int64_t from = 65536;
  const auto bytes = figure.parameters.find("bytes");
  return bytes != figure.parameters.end() && std::get<std::int64_t>(bytes->second) >= from ? 1 : 0;
}

// By number of nodes.
std::map<std::int64_t, std::vector<Exchange>> exchanges_of(const Group& group) {
  std::map<std::size_t, std::vector<double>> of_figure;
  for (const Exchanges& run : group.exchanges)
    for (const auto& [figure, value] : run.values) of_figure[figure].push_back(std::log(value));
  std::map<std::size_t, double> usual;
  for (auto& [figure, logs] : of_figure)
    if (logs.size() >= fewest_nodes && group.figures[figure].parameters.count("timing") == 0)
      usual[figure] = median_of(std::move(logs));
  std::map<std::int64_t, std::vector<Exchange>> found;
  for (const Exchanges& run : group.exchanges) {
    std::map<std::int64_t, std::array<std::vector<double>, 2>> ratios;
    for (const auto& [place, value] : run.values) {
      const Figure& figure = group.figures[place];
      if (const auto known = usual.find(place); known != usual.end())
        ratios[nodes_of(figure)][is_large(figure)].push_back(std::log(value) - known->second);
    }
    for (auto& [nodes, of_sizes] : ratios) {
      if (static_cast<std::size_t>(nodes) > run.hosts.size()) continue;  // the list was cut off
      Exchange& e = found[nodes].emplace_back(
          Exchange{Hosts(run.hosts.begin(), run.hosts.begin() + nodes), {}});
      for (std::size_t i = 0; i < of_sizes.size(); ++i)
        if (!of_sizes[i].empty()) e.log_ratio[i] = median_of(std::move(of_sizes[i]));
    }
  }
  return found;
}

// Sets of hosts that took part in slow exchanges, and those that were seen in a good one, alone and
// in pairs.
class Evidence {
 public:
  void add(const std::vector<Exchange>& exchanges) {
    if (exchanges.size() < fewest_nodes) return;
    std::vector<double> slowness(exchanges.size(), 0);  // log of the ratio; 0: as the others
    for (std::size_t size = 0; size < 2; ++size) {
      std::vector<double> logs;
      for (const Exchange& e : exchanges)
        if (e.log_ratio[size]) logs.push_back(*e.log_ratio[size]);
      if (logs.size() < fewest_nodes) continue;
      constexpr double least_scatter = 0.01;
      const double most =
          std::max(-std::log1p(-least_effect),
                   std::max(least_scatter, robust_scale(logs)) *
                       alarm_score(logs.size(), false_alarms / double(2 * logs.size())));
      for (std::size_t i = 0; i < exchanges.size(); ++i)
        if (const auto ratio = exchanges[i].log_ratio[size]; ratio && *ratio > most)
          slowness[i] = std::max(slowness[i], *ratio);
    }
    for (std::size_t i = 0; i < exchanges.size(); ++i) {
      if (slowness[i] > 0) {
        slow_.push_back({exchanges[i].hosts, slowness[i]});
      } else {
        good_.push_back(exchanges[i].hosts);
      }
    }
  }

  std::vector<SlowLink> explain() {
    for (const Hosts& hosts : good_) cleared_.insert(hosts.begin(), hosts.end());
    std::vector<SlowLink> found;
    while (!slow_.empty()) found.push_back(explain_most());
    std::stable_sort(found.begin(), found.end(),
                     [](const SlowLink& a, const SlowLink& b) { return a.ratio > b.ratio; });
    return found;
  }

 private:
  struct Slow {
    Hosts hosts;
    double log_ratio;
  };

  // Takes away the exchanges that it explains.
  SlowLink explain_most() {
    std::map<Hosts, std::size_t> counts;  // of those that may be at fault
    for (const Slow& e : slow_)
      for (const std::string& host : e.hosts)
        if (cleared_.count(host) == 0) ++counts[{host}];
    const bool between = counts.empty();
    if (between) count_pairs(counts);
    std::size_t most = 0;
    for (const auto& [hosts, count] : counts) most = std::max(most, count);
    if (most == 0)  // every pair of it was good elsewhere: only together they are slow
      return of(Hosts(slow_.front().hosts));
    // Those that took part in the same exchanges cannot be told apart.
    std::vector<Hosts> equal;
    for (const auto& [hosts, count] : counts)
      if (count == most && (equal.empty() || same_exchanges(hosts, equal.front())))
        equal.push_back(hosts);
    Hosts named;
    for (const Hosts& hosts : equal) named.insert(hosts.begin(), hosts.end());
    SlowLink link = of(equal.front());
    link.hosts.assign(named.begin(), named.end());
    link.between = between && equal.size() == 1;
    return link;
  }

  void count_pairs(std::map<Hosts, std::size_t>& counts) const {
    constexpr std::size_t largest = 64;  // set whose pairs are looked at
    for (const Slow& e : slow_) {
      if (e.hosts.size() > largest) continue;
      for (auto a = e.hosts.begin(); a != e.hosts.end(); ++a)
        for (auto b = std::next(a); b != e.hosts.end(); ++b)
          if (!good_together({*a, *b})) ++counts[{*a, *b}];
    }
  }
  static bool holds(const Hosts& all, const Hosts& some) {
    return std::includes(all.begin(), all.end(), some.begin(), some.end());
  }
  bool good_together(const Hosts& pair) const {
    return std::any_of(good_.begin(), good_.end(),
                       [&](const Hosts& hosts) { return holds(hosts, pair); });
  }
  bool same_exchanges(const Hosts& a, const Hosts& b) const {
    return std::all_of(slow_.begin(), slow_.end(),
                       [&](const Slow& e) { return holds(e.hosts, a) == holds(e.hosts, b); });
  }
  // The exchanges that hold these hosts, which are explained by them.
  SlowLink of(const Hosts& hosts) {
    SlowLink link{{hosts.begin(), hosts.end()}, false, 0, good_.size(), 1};
    std::vector<double> logs;
    std::erase_if(slow_, [&](const Slow& e) {
      if (!holds(e.hosts, hosts)) return false;
      logs.push_back(e.log_ratio);
      return true;
    });
    link.slow = logs.size();
    link.ratio = std::exp(median_of(std::move(logs)));
    return link;
  }

  std::vector<Slow> slow_;
  std::vector<Hosts> good_;
  Hosts cleared_;
};

}  // namespace

std::vector<SlowLink> find_slow_links(const Group& group) {
  Evidence evidence;
  for (const auto& [nodes, exchanges] : exchanges_of(group)) evidence.add(exchanges);
  return evidence.explain();
}

std::string describe(const SlowLink& link) {
  constexpr std::size_t most_named = 8;
  const std::size_t named = std::min(most_named, link.hosts.size());
  const std::string hosts = fmt::format(
      "{}{}",
      fmt::join(link.hosts.begin(), link.hosts.begin() + static_cast<std::ptrdiff_t>(named), ", "),
      named < link.hosts.size() ? fmt::format(" and {} more", link.hosts.size() - named) : "");
  const std::string who = link.hosts.size() == 1 ? hosts
                          : link.between         ? fmt::format("between {}", hosts)
                                                 : fmt::format("one of {}", hosts);
  return fmt::format(
      "{}: slow in {} exchange{} that it took part in ({:.3g} times the median); {} "
      "others are not",
      who, link.slow, link.slow == 1 ? "" : "s", link.ratio, link.others);
}

}  // namespace limen::results::fleet
