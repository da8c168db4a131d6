#include "results/fleet/outliers.hpp"

#include <algorithm>
#include <cmath>

#include "results/fleet/suspect.hpp"

namespace limen::results::fleet {

namespace {

constexpr double least_scatter = 0.001;  // clocks and sizes do not repeat better
constexpr double nearly_all = 0.9;

// Where the bulk of a figure lies, in logarithms of goodness. With two modes, each a good part of
// the nodes, a node is held against the one on its side: neither is a fault of a single node.
struct Bulk {
  double low = 0, high = 0;  // the same, unless there are two modes
  double scatter = 0;
};

double sign_of(const Figure& f) { return more_is_better(f.unit) ? 1 : -1; }

Bulk bulk_of(const Figure& figure, const Distribution& d, const std::vector<double>& logs) {
  if (d.modes.empty())
    return {median_of(logs), median_of(logs), std::max(least_scatter, robust_scale(logs))};
  Bulk bulk;
  const double a = sign_of(figure) * std::log(d.modes[0]),
               b = sign_of(figure) * std::log(d.modes[1]);
  bulk.low = std::min(a, b), bulk.high = std::max(a, b);
  std::vector<double> about;
  for (const double x : logs) about.push_back(x - (x < (a + b) / 2 ? bulk.low : bulk.high));
  bulk.scatter = std::max(least_scatter, robust_scale(about));
  return bulk;
}

class Judge {
 public:
  explicit Judge(const Group& group)
      : group_(group), common_(common_facts(group)), alarms_(group.nodes.size()) {
    result_.worst.assign(group.nodes.size(), 0);
  }

  Judgement run() && {
    std::vector<std::vector<std::size_t>> having(group_.figures.size());
    std::size_t most = 0;
    for (std::size_t f = 0; f < having.size(); ++f) {
      having[f] = group_.having(f);
      most = std::max(most, having[f].size());
      result_.judged += having[f].size() >= fewest_nodes;
    }
    if (most >= fewest_nodes) result_.alarm = score_of_alarm(most);
    for (std::size_t f = 0; f < having.size(); ++f) look_at(f, having[f]);
    for (std::size_t n = 0; n < group_.nodes.size(); ++n)
      if (!alarms_[n].empty()) conclude(n);
    find_incomplete(having);
    return std::move(result_);
  }

 private:
  double score_of_alarm(std::size_t nodes) const {
    const double tests =
        static_cast<double>(group_.nodes.size()) * static_cast<double>(result_.judged);
    return alarm_score(nodes, false_alarms / (2 * tests));
  }
  double goodness(std::size_t f, std::size_t n) const {
    return sign_of(group_.figures[f]) * std::log(group_.values[f][n]);
  }

  void look_at(std::size_t f, const std::vector<std::size_t>& nodes) {
    std::vector<double> values, logs;
    for (const std::size_t n : nodes) {
      values.push_back(group_.values[f][n]);
      logs.push_back(goodness(f, n));
    }
    const Distribution d = distribution(values);
    result_.spread.push_back(d);
    bulks_.emplace_back();
    if (nodes.size() < fewest_nodes) return;
    const Bulk bulk = bulks_.back() = bulk_of(group_.figures[f], d, logs);
    const double alarm = score_of_alarm(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const double off = logs[i] < bulk.low    ? logs[i] - bulk.low
                         : logs[i] > bulk.high ? logs[i] - bulk.high
                                               : 0;
      const Deviation deviation{f, values[i] / d.median, off / bulk.scatter};
      double& worst = result_.worst[nodes[i]];
      worst = std::min(worst, deviation.score);
      if (std::abs(off) >= -std::log1p(-least_effect) && std::abs(deviation.score) > alarm)
        alarms_[nodes[i]].push_back(deviation);
    }
  }

  Parts parts_of(std::size_t n) const {
    std::map<Part, std::pair<std::vector<double>, std::vector<double>>> all;
    for (std::size_t f = 0; f < bulks_.size(); ++f) {
      if (bulks_[f].scatter == 0 || std::isnan(group_.values[f][n])) continue;
      auto& [ratios, scatters] = all[group_.figures[f].part];
      ratios.push_back(goodness(f, n) -
                       sign_of(group_.figures[f]) * std::log(result_.spread[f].median));
      scatters.push_back(bulks_[f].scatter);
    }
    Parts parts;
    for (auto& [part, of] : all) parts[part] = {median_of(of.first), median_of(of.second)};
    return parts;
  }

  void conclude(std::size_t n) {
    Outlier outlier;
    outlier.node = n;
    outlier.alarms = std::move(alarms_[n]);
    std::sort(outlier.alarms.begin(), outlier.alarms.end(),
              [](const Deviation& a, const Deviation& b) { return a.score < b.score; });
    explain(outlier, parts_of(n), group_, common_);
    result_.outliers.push_back(std::move(outlier));
  }

  void find_incomplete(const std::vector<std::vector<std::size_t>>& having) {
    std::vector<bool> lacks(group_.nodes.size());
    for (std::size_t f = 0; f < having.size(); ++f) {
      if (having[f].size() == group_.nodes.size() ||
          static_cast<double>(having[f].size()) <
              nearly_all * static_cast<double>(group_.nodes.size()))
        continue;
      for (std::size_t n = 0; n < group_.nodes.size(); ++n)
        if (std::isnan(group_.values[f][n])) lacks[n] = true;
    }
    for (std::size_t n = 0; n < lacks.size(); ++n)
      if (lacks[n]) result_.incomplete.push_back(n);
  }

  const Group& group_;
  const Facts common_;
  Judgement result_;
  std::vector<Bulk> bulks_;                     // by figure; scatter 0: too few nodes
  std::vector<std::vector<Deviation>> alarms_;  // by node
};

}  // namespace

Judgement judge(const Group& group) { return Judge(group).run(); }

}  // namespace limen::results::fleet
