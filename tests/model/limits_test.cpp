#include "model/limits.hpp"

#include <gtest/gtest.h>

#include "model/cards/laws.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"

namespace limen::model {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

struct Setting {
  const char* model;
  const char* machine;
  double batch, context;
  Partition partition;
  int drafts = 0;
  const char* engine = "";
  Conventions conventions{};
};

const Setting settings[] = {
    {"llama-3.1-8b", "h100-8", 1, 4096, {.tp = 1}},
    {"llama-3.1-8b", "h100-8", 64, 4096, {.tp = 8}},
    {"llama-3.1-70b", "xpu-hbm4", 256, 8192, {.tp = 8, .pp = 2}},
    {"mixtral-8x7b", "h100-8", 16, 2000, {.tp = 8, .pp = 1, .ep = 8}},
    {"deepseek-v3", "xpu-hbm3", 128, 4096, {.tp = 1, .pp = 1, .ep = 32, .dp = 32}},
    {"deepseek-v3", "h100-8", 64, 4096, {.tp = 4, .pp = 1, .ep = 8, .dp = 2}},
    {"gemma-3-27b", "xpu-3d-dram", 512, 700, {.tp = 4}},
    {"deepseek-v3", "xpu-hbm4", 4, 4096, {.tp = 8}, 3},
    {"llama-3.1-8b", "h200-sxm-141gb", 16, 4096, {}, 0, "vllm"},
    {"deepseek-v3", "h200-sxm-141gb", 16, 4096, {.tp = 1, .pp = 1, .ep = 1, .dp = 8}, 2, "vllm"},
    {"llama-3.1-405b", "xpu-hbm3", 8, 65536, {.tp = 16, .pp = 4}, 0, "", Conventions::paper()},
    {"deepseek-v3", "xpu-hbm4", 4, 4096, {.tp = 8}, 3, "", Conventions::paper()}};

// Against differences: the lever moved by a part in a million, on the numbers that the equations
// see.
TEST(Limits, ElasticitiesAgreeWithDifferences) {
  for (const auto& s : settings) {
    const Transformer t = cards::find_model(s.model);
    const Machine card = cards::find_machine(s.machine);
    const Machine m = *s.engine ? cards::with_laws(card, cards::built_in_laws(), s.engine) : card;
    const Transformer mtp = mtp_module(t);
    const Case c{&t,
                 {s.batch, s.context, Format::bf16, Format::bf16},
                 s.partition,
                 s.conventions,
                 {s.drafts, 0.8, &mtp, {}}};
    const Elasticities e = elasticities(m, c);
    const Reach reach(m, c);
    auto slope = [&](Lever l, auto&& change, bool ideal) {
      auto log_rate = [&](double factor) {
        PassRates r = reach.rated;
        Passes d = reach.demanded;
        Case moved = c;
        if (l == Lever::batch) moved.workload.batch *= factor;
        if (l == Lever::context) moved.workload.context *= factor;
        if (l == Lever::batch || l == Lever::context) {
          d = passes_of(moved);
          r = rates(s.conventions.applied(m), moved, d);
        }
        change(r.model, factor);
        if (d.drafts > 0) change(r.draft, factor);
        return -std::log((ideal ? ideal_step(r, d) : calibrated_step(r, d)).total.in(seconds));
      };
      return (log_rate(1 + 1e-6) - log_rate(1 - 1e-6)) / 2e-6;
    };
    auto check = [&](Lever l, auto&& change) {
      const auto i = static_cast<std::size_t>(l);
      EXPECT_NEAR(e.calibrated[i], slope(l, change, false), 2e-5) << s.model << " " << name(l);
      EXPECT_NEAR(e.ideal[i], slope(l, change, true), 2e-5) << s.model << " " << name(l);
    };
    check(Lever::memory_bandwidth, [](Rates& r, double f) { r.bandwidth = r.bandwidth * f; });
    check(Lever::scalar_compute, [](Rates& r, double f) { r.scalar = r.scalar * f; });
    check(Lever::matrix_compute, [](Rates& r, double f) {
      for (auto& p : r.parts) p.peak = p.peak * f, p.rate = p.rate * f;
    });
    check(Lever::fixed, [](Rates& r, double f) {
      for (auto& p : r.parts) p.fixed = p.fixed * f;
      r.overhead = r.overhead * f;
    });
    check(Lever::sync_latency, [](Rates& r, double f) {
      for (auto* x : {&r.exchanges, &r.exchanges_ideal})
        for (auto& one : *x) one.alpha = one.alpha * f;
    });
    check(Lever::sync_bandwidth, [](Rates& r, double f) {
      for (auto* x : {&r.exchanges, &r.exchanges_ideal})
        for (auto& one : *x) one.beta = one.beta / f;
    });
    check(Lever::context, [](Rates&, double) {});
    check(Lever::batch, [](Rates&, double) {});
  }
}

TEST(Limits, ResourcesShareTheStepOfAnUnlimitedMachine) {
  // Without compute, memory and synchronization shares add up to the whole step.
  const Transformer t = cards::find_model("llama-3.1-405b");
  const Machine m = cards::find_machine("xpu-hbm3");
  const Case c{&t, {1, 4096, Format::fp8, Format::fp8}, {.tp = 32}};
  const Elasticities e = elasticities(m, c);
  auto at = [&](Lever l) { return e.ideal[static_cast<std::size_t>(l)]; };
  EXPECT_NEAR(at(Lever::memory_bandwidth) - at(Lever::sync_latency), 1, 1e-12);
}

TEST(Limits, TakingALimitAwayNeverSlows) {
  for (const auto& s : settings) {
    const Transformer t = cards::find_model(s.model);
    const Case c{&t, {s.batch, s.context, Format::bf16, Format::bf16}, s.partition};
    const Reach reach(cards::find_machine(s.machine), c);
    const double base = reach.utps({});
    for (Better b : {Better{infinite, 1, 1}, Better{1, infinite, 1}, Better{1, 1, infinite}})
      EXPECT_GE(reach.utps(b), base);
    EXPECT_GT(reach.utps({infinite, infinite, 1}), base);
  }
}

TEST(Limits, TheFactorForATargetReachesIt) {
  const Transformer t = cards::find_model("llama-3.1-405b");
  const Case c{&t, {1, 4096, Format::fp8, Format::fp8}, {.tp = 128}};
  const Reach reach(cards::find_machine("xpu-hbm3"), c);
  auto rate = [&](Better b) { return reach.utps_ideal(b); };
  const double factor = factor_for(&Better::memory, 1500, rate);
  EXPECT_GT(factor, 1);
  EXPECT_NEAR(rate({factor, 1, 1}), 1500, 1e-3);
  EXPECT_EQ(factor_for(&Better::memory, 10, rate), 1);
  EXPECT_TRUE(
      std::isinf(factor_for(&Better::memory, 10000, rate)));  // synchronization alone takes longer
  // At the knee half of the step is memory.
  const double k = knee(&Better::memory, rate);
  EXPECT_NEAR(rate({k, 1, 1}) / rate({infinite, 1, 1}), 0.5, 1e-6);
}

}  // namespace
}  // namespace limen::model
