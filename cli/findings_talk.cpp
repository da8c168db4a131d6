// The five claims of the talk on arXiv 2507.14397.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "cli/findings.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/cards/units.hpp"
#include "report/prediction_table.hpp"

namespace limen::cli {

using namespace model;
using report::figure;

namespace {

Finding size_matters(const Bench& b) {
  constexpr double users = 32, context = 32768, large = 200e9;
  Finding f{"model size still matters: one instance needs hundreds of GB",
            b.hardware(),
            fmt::format("weights of 8 bits and the KV cache of {:.0f} users at {:.0f} tokens, five "
                        "frontier models",
                        users, context),
            {},
            "holds if all need 200 GB and more, in part if some do",
            {},
            {}};
  int need = 0, all = 0;
  double least = INFINITY, bits = 0;
  std::string smallest;
  for (const char* name :
       {"llama-3.1-405b", "deepseek-v3", "kimi-k2", "qwen3-235b-a22b", "glm-4.5"}) {
    const auto t = cards::find_model(name);
    const Workload w{users, context, Format::fp8, Format::fp8};
    const Demand d = demand<double>(t, w, {});
    const double weights = d.weights_held.in(bytes);
    const double cache = users * d.kv_per_sequence.in(bytes);
    f.figures.push_back({fmt::format("{}: weights", name), weights / 1e9, "GB"});
    f.figures.push_back({fmt::format("{}: KV cache", name), cache / 1e9, "GB"});
    if (b.measured && b.machine.memory_capacity) {
      f.figures.push_back(
          {fmt::format("{}: devices of {} for it", name, b.machine.name),
           std::ceil((weights + cache) / b.machine.memory_capacity->value.in(bytes)), ""});
    }
    need += weights + cache >= large;
    ++all;
    if (weights + cache < least) {
      least = weights + cache;
      smallest = name;
      bits = 8 * (large - cache) / weights;
    }
  }
  f.verdict = by_share(double(need) / all, 1, 0.01);
  f.flips.push_back(
      bits > 0 ? fmt::format("the smallest of them, {}, needs 200 GB at {:.1f} bits a weight",
                             smallest, bits)
               : fmt::format("no: the cache of {} alone needs more than 200 GB", smallest));
  return f;
}

Finding bandwidth_is_king(const Bench& b) {
  Finding f{"bandwidth is king",
            b.hardware(),
            "",
            {},
            "holds if bandwidth has the greatest elasticity (of bandwidth, compute and "
            "synchronization) in 75 % of the cases and more, in part from 40 % on",
            {},
            {}};
  std::vector<Transformer> models = {b.model};
  if (!b.measured)
    for (const char* name : {"llama-3.1-70b", "deepseek-v3"})
      models.push_back(cards::find_model(name));
  std::vector<double> by[3];
  int leads = 0;
  for (const auto& t : models) {
    for (double context : {4096.0, 131072.0}) {
      for (double batch : {1.0, 16.0}) {
        for (int tp : b.degrees(b.machine)) {
          const Case c = b.at(t, batch, context, tp);
          if (b.utps(b.machine, c) == 0) continue;
          const auto e = elasticities(b.machine, c);
          auto at = [&](Lever l) {
            return (b.measured ? e.calibrated : e.ideal)[static_cast<std::size_t>(l)];
          };
          const double memory = at(Lever::memory_bandwidth),
                       compute = at(Lever::matrix_compute) + at(Lever::scalar_compute) -
                                 at(Lever::unpack),
                       sync =
                           at(Lever::sync_bandwidth) - at(Lever::sync_latency) - at(Lever::fixed);
          by[0].push_back(memory);
          by[1].push_back(compute);
          by[2].push_back(sync);
          leads += memory >= compute && memory >= sync;
        }
      }
    }
  }
  const auto cases = by[0].size();
  f.experiment = fmt::format(
      "{} cases that fit: {} model{}, contexts 4096 and 131072, batch 1 and 16, "
      "degrees of tensor parallelism up to {}",
      cases, models.size(), models.size() > 1 ? "s" : "", b.degrees(b.machine).back());
  if (cases == 0) return f;
  f.figures.push_back({"bandwidth leads", 100.0 * leads / double(cases), "% of the cases"});
  const char* names[] = {"median elasticity of bandwidth", "of compute", "of synchronization"};
  for (int i = 0; i < 3; ++i) {
    std::nth_element(by[i].begin(), by[i].begin() + long(cases / 2), by[i].end());
    f.figures.push_back({names[i], by[i][cases / 2], ""});
  }
  f.verdict = by_share(double(leads) / double(cases), 0.75, 0.4);
  for (int tp : {b.degrees(b.machine).front(), b.degrees(b.machine).back()}) {
    const Case c = b.at(b.model, 1, 4096, tp);
    const auto p = predict(b.machine, c);
    if (!p.fits) continue;
    const double batch = factor_for(1, [&](double x) -> double {
      Case moved = c;
      moved.workload.batch = x;
      const auto q = predict(b.machine, moved);
      return b.step(q).compute / b.step(q).memory;
    });
    if (std::isfinite(batch) && p.compute_known)
      f.flips.push_back(
          fmt::format("{} at tp {}, context 4096: compute takes over at a batch of {:.0f}",
                      b.model.name, tp, std::ceil(batch)));
    const auto& step = b.step(p);
    if (step.sync.in(seconds) > 0)
      f.flips.push_back(
          fmt::format("{} at tp {}, batch 1: synchronization takes as long with {}x its latency",
                      b.model.name, tp, figure(step.memory / step.sync)));
  }
  return f;
}

// Exchanges of a step, and what each would have to take for half of the step to be theirs.
struct Tolerance {
  double exchanges, seconds_each;
};
Tolerance tolerance(const Bench& b, const Machine& m, const Case& c) {
  const Demand d = demand_of(c);
  double n = 0;
  for (int i = 0; i < d.exchange_count; ++i) n += d.exchanges[std::size_t(i)].count;
  const auto p = predict(m, c);
  return {n, ((b.step(p).total - b.step(p).exchanges) / n).in(seconds)};
}

Finding a_microsecond(const Bench& b) {
  Finding f{
      "synchronization must be about a microsecond",
      b.hardware(),
      fmt::format("{}, batch 1, context 4096: the latency of an exchange at which half of the "
                  "step is synchronization",
                  b.model.name),
      {},
      "holds if it lies in 0.2 to 5 us in 75 % of the cases, in part from 40 % on",
      {},
      {}};
  std::vector<Machine> machines = {b.machine};
  if (!b.measured)
    for (const char* name : {"xpu-hbm4", "xpu-3d-dram"})
      machines.push_back(cards::find_machine(name));
  int inside = 0, all = 0;
  for (const auto& m : machines) {
    const auto degrees = b.degrees(m);
    std::vector<int> few = {degrees.back()};
    if (!b.measured) few = {32, 128};
    for (int tp : few) {
      const Case c = b.at(b.model, 1, 4096, tp);
      if (tp == 1 || b.utps(m, c) == 0) continue;
      const auto t = tolerance(b, m, c);
      f.figures.push_back({fmt::format("{}, tp {}: half of the step at", m.name, tp),
                           t.seconds_each * 1e6, "us an exchange"});
      const auto p = predict(m, c);
      for (double us : {10.0, 1.0, 0.1}) {
        const double rest = (b.step(p).total - b.step(p).exchanges).in(seconds);
        f.figures.push_back({fmt::format("{}, tp {}: at {:g} us an exchange", m.name, tp, us),
                             1 / (rest + t.exchanges * us * 1e-6), "tokens/s of a user"});
      }
      inside += t.seconds_each >= 0.2e-6 && t.seconds_each <= 5e-6;
      ++all;
      const double at_one = t.seconds_each / 1e-6;
      f.flips.push_back(fmt::format(
          "{}, tp {}: a microsecond is half of the step at a bandwidth {} {}", m.name, tp,
          times(at_one >= 1 ? at_one : 1 / at_one), at_one >= 1 ? "higher" : "lower"));
    }
  }
  if (all > 0) f.verdict = by_share(double(inside) / all, 0.75, 0.4);
  return f;
}

Finding thousands_in_reach(const Bench& b) {
  Finding f{"thousands of tokens/s are in reach and 10,000 needs algorithms",
            b.hardware(),
            "batch 1, contexts 4096 and 131072, each machine at its fastest partition",
            {},
            "holds if some case reaches 2000 and none 10,000; in part if some reaches 1000, or "
            "10,000 too",
            {},
            {}};
  std::vector<Transformer> models = {b.model};
  std::vector<Machine> machines = {b.machine};
  if (!b.measured) models.push_back(cards::find_model("deepseek-v3"));
  for (const auto& m : hypothetical(b, {"xpu-hbm4", "xpu-3d-dram", "xpu-sram", "xpu-cows"}))
    machines.push_back(m);
  double best = 0;
  Machine on;
  Case c{};
  for (const auto& t : models) {
    for (const auto& m : machines) {
      for (double context : {4096.0, 131072.0}) {
        const auto [rate, fastest] = b.best(m, t, context);
        if (rate == 0) continue;
        f.figures.push_back({fmt::format("{} on {}, tp {}, pp {}, context {:.0f}", t.name, m.name,
                                         fastest.partition.tp, fastest.partition.pp, context),
                             rate, "tokens/s"});
        if (rate > best && t.name == b.model.name) {
          on = m;
          c = fastest;
          c.transformer = &b.model;  // outlives `models`
        }
        best = std::fmax(best, rate);
      }
    }
  }
  if (best == 0) return f;
  f.verdict = best < 1000                    ? Verdict::fails
              : best >= 2000 && best < 10000 ? Verdict::holds
                                             : Verdict::in_part;
  const Reach reach(on, c);
  auto rate = [&](const Reach& r, Better x) { return b.measured ? r.utps(x) : r.utps_ideal(x); };
  for (double target : {2000.0, 10000.0}) {
    if (rate(reach, {}) >= target) {
      auto lost = [&](double Better::*which) {
        return factor_for(-target, [&](double x) {
          Better worse;
          worse.*which = 1 / x;
          return -rate(reach, worse);
        });
      };
      f.flips.push_back(fmt::format(
          "{} on {}: {:.0f} is lost with bandwidth lower by {}, or synchronization slower by {}",
          b.model.name, on.name, target, times(lost(&Better::memory)), times(lost(&Better::sync))));
      continue;
    }
    const double model = factor_for(target, [&](double x) {
      Reach less = reach;
      shrink_model(less.demanded, x);
      return rate(less, {});
    });
    const double context = factor_for(target, [&](double x) {
      Case moved = c;
      moved.workload.context = std::fmax(1, c.workload.context / x);
      return rate(Reach(on, moved), {});
    });
    f.flips.push_back(fmt::format(
        "{} on {} at {:.0f}: bandwidth better by {}, synchronization by {}, both by {}; or a model "
        "smaller by {}, a context shorter by {}, or {} tokens a step",
        b.model.name, on.name, target,
        times(factor_for(&Better::memory, target, [&](Better x) { return rate(reach, x); })),
        times(factor_for(&Better::sync, target, [&](Better x) { return rate(reach, x); })),
        times(factor_for(target,
                         [&](double x) {
                           return rate(reach, {x, 1, x});
                         })),
        times(model), times(context), figure(target / rate(reach, {}))));
  }
  return f;
}

}  // namespace

std::vector<Finding> talk_findings(const Bench& b) {
  return {size_matters(b), bandwidth_is_king(b), a_microsecond(b), dram_wins(b),
          thousands_in_reach(b)};
}

}  // namespace limen::cli
