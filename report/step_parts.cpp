#include "report/step_parts.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/limits.hpp"
#include "report/case_words.hpp"

namespace limen::report {
namespace {

using namespace model;

constexpr const char* part_names[] = {"linear layers", "experts", "attention", "head and routers"};

std::array<double, part_count> part_seconds(const Step& s) {
  return {s.linear.in(seconds), s.experts.in(seconds), s.attention.in(seconds),
          s.apart.in(seconds)};
}

}  // namespace

PlottedCase plotted(const Machine& given, const Case& c) {
  PlottedCase out{report::predicted(given, c), {}};
  if (!out.predicted.prediction.fits) return out;
  const Machine m = c.conventions.applied(given);
  const Passes p = passes_of(c);
  const PassRates r = rates(m, c, p);
  // Each limit alone: the model's own step with the other one taken away.
  const auto together = part_seconds(calibrated_step(r, p));
  const auto memory = part_seconds(calibrated_step(improved(r, {.compute = INFINITY}), p));
  const auto compute = part_seconds(calibrated_step(improved(r, {.memory = INFINITY}), p));
  const double ranks = double(c.partition.ranks()) / devices_needed(m, c.partition);
  for (std::size_t i = 0; i < part_count; ++i) {
    if (!(together[i] > 0)) continue;
    const Work work = p.model.parts[i].work, drafted = p.draft.parts[i].work;
    out.parts.push_back({part_names[i], together[i], memory[i], compute[i],
                         ranks * (work.moved().in(bytes) + p.drafts * drafted.moved().in(bytes)),
                         ranks * (work.flops.in(flops) + p.drafts * drafted.flops.in(flops))});
  }
  return out;
}

Bars step_bars(const std::vector<PlottedCase>& cases, StackBy by) {
  std::vector<PredictedCase> predicted;
  for (const auto& c : cases) predicted.push_back(c.predicted);
  const CaseWords words(predicted);
  Bars bars;
  bars.title = "Time per token of a user, by " +
               std::string(by == StackBy::parts ? "operator" : "what it waits for");
  bars.subtitle = words.common();
  bars.axis = {"time per token", "s", seconds_text};
  bars.interval = "90\u00a0% intervals";
  bars.bound = "ideal limit";
  if (by == StackBy::parts) {
    bars.parts.assign(std::begin(part_names), std::end(part_names));
  } else {
    bars.parts = {"memory bandwidth", "compute"};
  }
  bars.parts.insert(bars.parts.end(), {"exchanges", "fixed times"});
  for (const auto& c : cases) {
    const auto& p = c.predicted.prediction;
    Bar bar{words.of(c.predicted), std::vector<double>(bars.parts.size())};
    if (cases.size() == 1) bar.label = "a token";
    if (!p.fits) {
      bar.instead = "does not fit: " + p.why_not;
      bars.bars.push_back(bar);
      continue;
    }
    for (const auto& part : c.parts) {
      if (by == StackBy::limits) {
        bar.values[0] += part.by_memory();
        bar.values[1] += part.by_compute();
        continue;
      }
      const auto at = std::find(bars.parts.begin(), bars.parts.end(), part.name);
      bar.values[std::size_t(at - bars.parts.begin())] = part.seconds;
    }
    bar.values.end()[-2] = p.step.exchanges.in(seconds);
    bar.values.end()[-1] = p.step.fixed.in(seconds);
    for (double& v : bar.values) v /= p.tokens_per_step;
    if (p.utps_low < p.utps_high) bar.low = 1 / p.utps_high, bar.high = 1 / p.utps_low;
    bar.bound = 1 / p.utps_ideal;
    bars.description +=
        fmt::format("{}{}: {} ({} binds). ", bars.description.empty() ? "" : " ", bar.label,
                    seconds_text(1 / p.utps), report::words(p.limits.binding));
    bars.bars.push_back(bar);
  }
  return bars;
}

}  // namespace limen::report
