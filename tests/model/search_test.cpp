#include "model/search.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"

namespace limen::model {
namespace {

struct Setting {
  const char* model;
  const char* machine;
  int devices;
  Format format;
  double context;
  double at_least;
};
const Setting settings[] = {{"llama-3.1-8b", "h100-8", 8, Format::bf16, 32768, 60},
                            {"llama-3.1-70b", "h100-8", 8, Format::bf16, 8192, 30},
                            {"mixtral-8x7b", "h100-8", 4, Format::bf16, 16384, 40},
                            {"llama-3.1-70b", "xpu-hbm3", 6, Format::fp8, 131072, 100}};

Machine machine_of(const Setting& s) {
  Machine m = cards::find_machine(s.machine);
  m.devices = s.devices;
  return m;
}

// Every partition whose ranks fit, every batch; plain loops over predict().
Found brute_force(const Machine& m, Case c, Goal goal, double at_least) {
  Found best;
  for (int tp = 1; tp <= m.devices; ++tp)
    for (int pp = 1; tp * pp <= m.devices; ++pp)
      for (int dp = 1; tp * pp * dp <= m.devices; ++dp)
        for (int ep = 1; ep <= tp * dp; ++ep) {
          c.partition = {.tp = tp, .pp = pp, .ep = ep, .dp = dp};
          const auto all = partitions(m, *c.transformer, {0, 0, 0, 0, 0});
          const bool tried = std::any_of(all.begin(), all.end(), [&](const Partition& p) {
            return p.tp == tp && p.pp == pp && p.dp == dp && p.ep == ep;
          });
          if (!tried) continue;  // which ones are is another test
          double fastest = 0;
          for (double batch = dp;; batch += dp) {
            c.workload.batch = batch;
            if (!impossible(m, c).empty()) break;
            const Demand d = demand_of(c);
            const Rates r = rates(m, c.workload, c.partition, d);
            if (d.weights_held + batch * d.kv_per_sequence > r.capacity) break;
            const double utps = 1 / calibrated_step(r, d).total.in(seconds);
            const int copies = m.devices / (tp * pp * dp);
            const Found f{c.partition, batch, utps, copies,
                          utps * batch * busy_stages(*c.transformer, pp) * copies};
            fastest = std::max(fastest, utps);
            if (goal == Goal::utps ? f.utps > best.utps : f.stps > best.stps && f.utps >= at_least)
              best = f;
          }
        }
  return best;
}

TEST(Search, FindsWhatBruteForceFinds) {
  for (const auto& s : settings) {
    const Transformer t = cards::find_model(s.model);
    const Machine m = machine_of(s);
    const Case c{&t, {1, s.context, s.format, s.format}, {}};
    for (const Goal goal : {Goal::utps, Goal::stps}) {
      for (const double at_least : {0.0, s.at_least}) {
        if (goal == Goal::utps && at_least > 0) continue;
        const Found expected = brute_force(m, c, goal, at_least);
        ASSERT_GT(expected.utps, 0) << s.model;
        const auto found = search(m, c, {0, 0, 0, 0, 0}, goal, at_least).found;
        ASSERT_FALSE(found.empty()) << s.model;
        EXPECT_DOUBLE_EQ(found[0].utps, expected.utps) << s.model << " " << at_least;
        EXPECT_DOUBLE_EQ(found[0].stps, expected.stps) << s.model << " " << at_least;
        EXPECT_EQ(found[0].batch, expected.batch) << s.model;
      }
    }
  }
}

TEST(Search, ResultsAreInOrderFeasibleAndAsPredicted) {
  const Transformer t = cards::find_model("mixtral-8x7b");
  const Machine m = cards::find_machine("h100-8");
  Case c{&t, {1, 4096, Format::bf16, Format::bf16}, {}};
  const auto found = search(m, c, {0, 0, 0, 0, 0}, Goal::stps, 40).found;
  ASSERT_GT(found.size(), 5u);
  for (std::size_t i = 0; i < found.size(); ++i) {
    c.partition = found[i].partition;
    c.workload.batch = found[i].batch;
    const Prediction p = predict(m, c);
    EXPECT_TRUE(p.fits) << p.why_not;
    EXPECT_DOUBLE_EQ(p.utps, found[i].utps);
    EXPECT_GE(p.utps, 40);
    EXPECT_DOUBLE_EQ(p.stps * found[i].instances, found[i].stps);
    EXPECT_LE(found[i].instances * c.partition.ranks(), m.devices);
    if (i > 0) {
      EXPECT_LE(found[i].stps, found[i - 1].stps);
    }
  }
}

TEST(Search, TriesPowersOfTwoAndWhatDividesEvenly) {
  EXPECT_THAT(even_counts(12, 16), testing::ElementsAre(1, 2, 3, 4, 6, 8, 12, 16));
  EXPECT_THAT(even_counts(12, 1), testing::ElementsAre(1));
  EXPECT_THAT(even_counts(7, 0), testing::ElementsAre(1));
  Machine m = cards::find_machine("h100-8");
  const Transformer dense = cards::find_model("llama-3.1-8b");  // 32 heads, 32 layers
  int count = 0;
  for (const Partition& p : partitions(m, dense, {0, 0, 0, 0, 1})) {
    EXPECT_EQ(p.dp * p.ep, 1);
    EXPECT_LE(p.ranks(), 8);
    ++count;
  }
  EXPECT_EQ(count, 4 + 3 + 2 + 1);                                // of tp and pp in 1, 2, 4, 8
  const Transformer experts = cards::find_model("mixtral-8x7b");  // 8 experts
  for (const Partition& p : partitions(m, experts, {0, 1, 0, 0, 1})) {
    EXPECT_EQ(p.stage_ranks() % p.ep, 0);
    EXPECT_EQ(8 % p.ep, 0);
  }
  // What is named stays, even if it cannot be.
  const auto named = partitions(m, dense, {16, 0, 3, 1, 1});
  ASSERT_EQ(named.size(), 1u);
  EXPECT_EQ(named[0].tp, 16);
  EXPECT_EQ(named[0].ep, 3);
}

TEST(Search, OfNothingFeasibleTheClosestIsTold) {
  const Transformer t = cards::find_model("llama-3.1-405b");
  const Machine m = cards::find_machine("h100-8");
  const Case c{&t, {1, 4096, Format::bf16, Format::bf16}, {}};
  // 811 GB over 687: the whole machine for one instance comes closest.
  const auto large = search(m, c, {0, 0, 0, 0, 0}, Goal::utps);
  EXPECT_TRUE(large.found.empty());
  EXPECT_EQ(large.closest.partition.ranks(), 8);
  EXPECT_EQ(large.closest.utps, 0);
  // Too slow is closer than too large, and the fastest is the closest of all.
  const Case fp8{&t, {1, 4096, Format::fp8, Format::fp8}, {}};
  const double fastest = search(m, fp8, {0, 0, 0, 0, 0}, Goal::utps).found.at(0).utps;
  const auto slow = search(m, fp8, {0, 0, 0, 0, 0}, Goal::stps, 1e6);
  EXPECT_TRUE(slow.found.empty());
  EXPECT_DOUBLE_EQ(slow.closest.utps, fastest);
}

TEST(Search, ThePacesOfUnevenStages) {
  const Transformer t = cards::find_model("llama-3.1-8b");  // 32 layers
  EXPECT_DOUBLE_EQ(busy_stages(t, 1), 1);
  EXPECT_DOUBLE_EQ(busy_stages(t, 8), 8);
  EXPECT_DOUBLE_EQ(busy_stages(t, 5), 32.0 / 7);
  EXPECT_DOUBLE_EQ(busy_stages(t, 32), 32);
}

}  // namespace
}  // namespace limen::model
