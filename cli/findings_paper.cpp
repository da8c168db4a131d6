// Claims of Davies et al., arXiv 2507.14397, apart from the five of the talk.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "cli/findings.hpp"
#include "model/cards/model_card.hpp"
#include "report/prediction_table.hpp"

namespace limen::cli {

using namespace model;
using report::figure;

namespace {

constexpr double long_context = 131072, short_context = 4096;

Machine with_bandwidth(Machine m, double factor) {
  for (auto* b : {&m.memory_bandwidth, &m.sram_bandwidth, &m.host_bandwidth})
    if (*b) (*b)->value = (*b)->value * factor;
  return m;
}

// Rates by factors on the resources of one case.
auto rate_of(const Bench& b, const Machine& m, const Case& c) {
  return [measured = b.measured, reach = Reach(m, c)](Better x) {
    return measured ? reach.utps(x) : reach.utps_ideal(x);
  };
}

Finding eight_times_the_bandwidth(const Bench& b) {
  Finding f{"8x the bandwidth buys only 1.1 to 4.5x the tokens/s of a user",
            b.hardware(),
            fmt::format("{}, batch 1, contexts 4096 and 131072, every degree of tensor parallelism "
                        "that fits: rate with 8x the bandwidth over the rate as it is",
                        b.model.name),
            {},
            "holds if every gain lies in 1.1 to 4.5, in part if half of them do",
            {},
            {}};
  double least = INFINITY, most = 0;
  int inside = 0, all = 0;
  Case widest{};
  for (double context : {short_context, long_context}) {
    for (int tp : b.degrees(b.machine)) {
      const Case c = b.at(b.model, 1, context, tp);
      const double now = b.utps(b.machine, c);
      if (now == 0) continue;
      const double gain = b.utps(with_bandwidth(b.machine, 8), c) / now;
      if (gain > most) widest = c;
      least = std::fmin(least, gain);
      most = std::fmax(most, gain);
      inside += gain >= 1.1 && gain <= 4.5;
      ++all;
    }
  }
  if (all == 0) return f;
  f.figures = {{"least gain", least, "x"},
               {"largest gain", most, "x"},
               {"gains in 1.1 to 4.5", 100.0 * inside / all, "%"}};
  f.verdict = inside == all ? Verdict::holds : by_share(double(inside) / all, 1, 0.5);
  const auto now = rate_of(b, b.machine, widest);
  // The gain grows as synchronization gets faster.
  auto gain_at = [&](double sync) { return now({8, 1, sync}) / now({1, 1, sync}); };
  const bool above = most > 4.5;
  const double factor = above ? factor_for(-4.5, [&](double x) { return -gain_at(1 / x); })
                              : factor_for(4.5, gain_at);
  f.flips.push_back(fmt::format("the largest gain, at tp {}, is 4.5x with synchronization {} by {}",
                                widest.partition.tp, above ? "slower" : "faster", times(factor)));
  return f;
}

Finding compute_is_idle(const Bench& b) {
  Finding f{
      "at low batch compute is used to 1 % at most",
      b.hardware(),
      fmt::format("{}, batch 1, context 4096: time of the arithmetic at its peak over the step",
                  b.model.name),
      {},
      "holds if it is 1 % at most at every degree that fits, in part if at half of them",
      {},
      {}};
  int below = 0, all = 0;
  double most = 0;
  Case busiest{};
  for (int tp : b.degrees(b.machine)) {
    const Case c = b.at(b.model, 1, short_context, tp);
    const auto p = predict(b.machine, c);
    if (!p.fits || !p.compute_known) continue;
    const double share = p.ideal.compute / b.step(p).total;
    if (share > most) busiest = c;
    most = std::fmax(most, share);
    below += share <= 0.01;
    ++all;
  }
  if (all == 0) return f;
  f.figures = {{"most of compute used", 100 * most, "%"}};
  f.verdict = by_share(double(below) / all, 1, 0.5);
  const double batch = factor_for(0.01, [&](double x) -> double {
    Case c = busiest;
    c.workload.batch = x;
    const auto p = predict(b.machine, c);
    return p.ideal.compute / b.step(p).total;
  });
  f.flips.push_back(fmt::format("at tp {} it is more than 1 % from a batch of {:.0f} on",
                                busiest.partition.tp, std::ceil(batch)));
  return f;
}

Finding synchronization_is_first_order(const Bench& b) {
  const int tp = b.degrees(b.machine).back();
  const Case c = b.at(b.model, 1, short_context, tp);
  Finding f{
      "beyond about 4x the bandwidth of HBM3 synchronization is first-order",
      b.hardware(),
      fmt::format("{}, batch 1, context 4096, tp {}, 4x the bandwidth: share of the step that is "
                  "synchronization",
                  b.model.name, tp),
      {},
      "holds from 25 % on, in part from 10 % on",
      {},
      {}};
  const auto p = predict(with_bandwidth(b.machine, 4), c);
  if (!p.fits || tp == 1) return f;
  const auto& step = b.step(p);
  const double share = step.sync / step.total;
  const auto as_it_is = predict(b.machine, c);
  const double before = b.step(as_it_is).sync / b.step(as_it_is).total;
  f.figures = {{"share of synchronization", 100 * share, "%"},
               {"the same at the bandwidth it has", 100 * before, "%"}};
  f.verdict = by_share(share, 0.25, 0.10);
  // share = s / (s + rest) is 25 % where s is a third of the rest.
  const double rest = (step.total - step.sync).in(seconds), sync = step.sync.in(seconds);
  f.flips.push_back(fmt::format("it is 25 % with synchronization {} by {}",
                                sync > rest / 3 ? "faster" : "slower",
                                times(sync > rest / 3 ? 3 * sync / rest : rest / 3 / sync)));
  return f;
}

Finding no_thousand(const Bench& b) {
  Finding f{
      b.measured
          ? "this machine does not reach 1,000 tokens/s of a user on a large model at large context"
          : "no HBM3 system reaches 1,000 tokens/s of a user on large models at large context",
      b.hardware(),
      "batch 1, context 131072, the fastest partition",
      {},
      "holds if no model reaches 1000, in part if some do",
      {},
      {}};
  std::vector<Transformer> models = {b.model};
  if (!b.measured) models.push_back(cards::find_model("deepseek-v3"));
  int below = 0, all = 0;
  for (const auto& t : models) {
    const auto [rate, c] = b.best(b.machine, t, long_context);
    if (rate == 0) continue;
    f.figures.push_back({fmt::format("{} at tp {}, pp {}", t.name, c.partition.tp, c.partition.pp),
                         rate, "tokens/s"});
    below += rate < 1000;
    ++all;
    const auto now = rate_of(b, b.machine, c);
    f.flips.push_back(fmt::format(
        "{} at 1000: bandwidth better by {}, or synchronization by {}, or both by {}", t.name,
        times(factor_for(&Better::memory, 1000, now)), times(factor_for(&Better::sync, 1000, now)),
        times(factor_for(1000, [&](double x) {
          return now({x, 1, x});
        }))));
  }
  if (all > 0) f.verdict = by_share(double(below) / all, 1, 0.01);
  return f;
}

}  // namespace

std::vector<Finding> paper_findings(const Bench& b) {
  return {eight_times_the_bandwidth(b), compute_is_idle(b), synchronization_is_first_order(b),
          no_thousand(b)};
}

}  // namespace limen::cli
