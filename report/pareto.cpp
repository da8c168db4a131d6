#include "report/pareto.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "report/case_words.hpp"

namespace limen::report {
namespace {

const std::vector<Fact> within = {Fact::partition, Fact::batch};

double chips(const PredictedCase& c) { return c.running.devices; }

Mark mark_of(const PredictedCase& c) {
  const auto& p = c.prediction;
  Mark m{{p.utps, p.stps / chips(c)}};
  // The batch is what it is: both rates rise and fall together.
  m.low = {p.utps_low, p.stps_low / chips(c)};
  m.high = {p.utps_high, p.stps_high / chips(c)};
  m.note = fmt::format("{}, {}: {} tokens/s a user, {} a chip; {} binds",
                       words_of(c, Fact::partition), words_of(c, Fact::batch), figure(p.utps),
                       figure(m.at.y), words(p.limits.binding));
  return m;
}

// The fastest for a user first.
std::vector<const PredictedCase*> frontier(std::vector<const PredictedCase*> cases) {
  std::stable_sort(cases.begin(), cases.end(), [](const auto* a, const auto* b) {
    const Spot x = mark_of(*a).at, y = mark_of(*b).at;
    return x.x != y.x ? x.x > y.x : x.y > y.y;
  });
  std::vector<const PredictedCase*> out;
  double best = 0;
  for (const auto* c : cases) {
    const double here = c->prediction.stps / chips(*c);
    if (here > best) out.push_back(c), best = here;
  }
  return out;
}

}  // namespace

Chart pareto(const std::vector<PredictedCase>& cases) {
  Chart chart;
  const CaseWords words(cases);
  chart.title = "Tokens/s of a user against tokens/s of a chip";
  chart.subtitle = words.common();
  chart.interval = "90\u00a0% intervals";
  chart.x = {"one user", "tokens/s", nullptr};
  chart.y = {"one chip", "tokens/s", nullptr};
  struct Group {
    std::string name;
    std::vector<const PredictedCase*> cases;
  };
  std::vector<Group> groups;
  std::size_t unfit = 0;
  for (const auto& c : cases) {
    if (!c.prediction.fits) {
      ++unfit;
      continue;
    }
    const std::string name = words.of(c, within);
    const auto at =
        std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.name == name; });
    if (at == groups.end())
      groups.push_back({name, {&c}});
    else
      at->cases.push_back(&c);
  }
  int hue = 0;
  bool beaten = false;
  for (const auto& g : groups) {
    const auto best = frontier(g.cases);
    Series behind{"", hue, Series::Join::none, Series::Show::faint, {}};
    for (const auto* c : g.cases) {
      if (std::find(best.begin(), best.end(), c) == best.end()) behind.marks.push_back(mark_of(*c));
    }
    Series front{g.name.empty() ? "frontier" : g.name, hue++, Series::Join::line};
    const PredictedCase* last = nullptr;
    for (const auto* c : best) {
      front.marks.push_back(mark_of(*c));
      std::string& label = front.marks.back().label;
      // The partition where it changes; of many frontiers only where they begin, end and turn.
      const bool changes =
          !last || words_of(*last, Fact::partition) != words_of(*c, Fact::partition);
      if (changes) label = words_of(*c, Fact::partition) + ", ";
      if (changes || groups.size() <= 2 || c == best.back()) label += words_of(*c, Fact::batch);
      last = c;
    }
    front.named_at = front.marks.size() / 2;
    chart.description +=
        fmt::format("{}: from {} tokens/s of a user ({}) to {} of a chip ({}). ", front.name,
                    figure(front.marks.front().at.x), front.marks.front().label,
                    figure(front.marks.back().at.y), front.marks.back().label);
    beaten = beaten || !behind.marks.empty();
    if (!behind.marks.empty()) chart.series.push_back(std::move(behind));
    chart.series.push_back(std::move(front));
  }
  if (beaten) chart.subtitle += "; dots: beaten in both";
  if (unfit > 0) chart.subtitle += fmt::format("; {} of {} cases do not fit", unfit, cases.size());
  return chart;
}

}  // namespace limen::report
