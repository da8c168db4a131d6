#include "model/prediction.hpp"

#include <random>

#include <gtest/gtest.h>

#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/sensitivity.hpp"

namespace limen::model {
namespace {

template <class Q>
Parameter<Q> known(Q v) {
  return Parameter<Q>::exact(v, Evidence::hypothetical, "test");
}
template <class Q>
Parameter<Q> about(Q v, double relative) {
  return {v, v * (1 - relative), v * (1 + relative), Evidence::fitted, "test"};
}

Machine simple() {
  Machine m;
  m.name = "simple";
  m.devices = 16;
  m.memory_capacity = known(gigabytes(100.0));
  m.memory_bandwidth = known(terabytes_per_second(1.0));
  m.compute[static_cast<int>(Format::bf16)] = known(teraflops_per_second(100.0));
  m.compute_scalar = known(teraflops_per_second(10.0));
  m.sync_tp = known(microseconds(2.0));
  return m;
}

const Transformer& llama8() {
  static const Transformer t = cards::find_model("llama-3.1-8b");
  return t;
}
Case of(double batch, double context, int tp = 1, int pp = 1) {
  return {&llama8(), {batch, context, Format::bf16, Format::bf16}, {.tp = tp, .pp = pp}};
}

TEST(Predict, IdealIsTheRoofline) {
  const auto p = predict(simple(), of(1, 4096));
  // 7.505e9 weights of 2 bytes and 4097 x 32 layers x 2048 elements x 2 bytes of KV over 1 TB/s.
  EXPECT_NEAR(p.ideal.memory.in(seconds), (7.5045e9 * 2 + 4097.0 * 32 * 2048 * 2) / 1e12, 1e-6);
  EXPECT_DOUBLE_EQ(p.utps_ideal * p.ideal.total.in(seconds), 1);
  EXPECT_EQ(p.limits.binding, Limit::memory_bandwidth);
  EXPECT_EQ(p.limits.next, Limit::compute);
}

TEST(Predict, TheFactorIsWhereTheNextLimitTakesOver) {
  Machine m = simple();
  const auto p = predict(m, of(1, 4096, 8));
  ASSERT_EQ(p.limits.binding, Limit::memory_bandwidth);
  ASSERT_EQ(p.limits.next, Limit::synchronization);
  m.memory_bandwidth = known(terabytes_per_second(1.0) * (p.limits.factor * 1.01));
  EXPECT_EQ(predict(m, of(1, 4096, 8)).limits.binding, Limit::synchronization);
  m.memory_bandwidth = known(terabytes_per_second(1.0) * (p.limits.factor * 0.99));
  EXPECT_EQ(predict(m, of(1, 4096, 8)).limits.binding, Limit::memory_bandwidth);
}

TEST(Predict, WhatDoesNotFitIsSaidNotPriced) {
  Machine m = simple();
  m.memory_capacity = known(gigabytes(16.0));
  const auto p = predict(m, of(1, 4096));
  EXPECT_FALSE(p.fits);
  EXPECT_EQ(p.limits.binding, Limit::memory_capacity);
  EXPECT_GT(p.limits.factor, 1);
  EXPECT_EQ(p.largest_batch, 0);
  EXPECT_NE(p.why_not.find("there are 16.0 GB"), std::string::npos) << p.why_not;
}

TEST(Predict, TheLargestBatchFitsAndOneMoreDoesNot) {
  const auto p = predict(simple(), of(1, 4096));
  EXPECT_TRUE(predict(simple(), of(p.largest_batch, 4096)).fits);
  EXPECT_FALSE(predict(simple(), of(p.largest_batch + 1, 4096)).fits);
}

TEST(Predict, TooFewDevicesIsSaid) {
  const auto p = predict(simple(), of(1, 4096, 32));
  EXPECT_FALSE(p.fits);
  EXPECT_EQ(p.why_not, "needs 32 devices, the machine has 16");
}

TEST(Predict, RanksOfAHostShareItsMemory) {
  Machine m = simple();
  m.devices = 1;
  m.ranks_per_device = 2;
  const auto one = predict(m, of(1, 4096)), two = predict(m, of(1, 4096, 2));
  EXPECT_TRUE(two.fits);
  EXPECT_NEAR(one.ideal.memory.in(seconds), two.ideal.memory.in(seconds), 1e-12);
  EXPECT_GT(two.step.sync.in(seconds), 0);
  EXPECT_FALSE(predict(m, of(1, 4096, 4)).fits);
}

TEST(Predict, FitsGiveWayToWhatIsSetAndEfficienciesStay) {
  Machine m = simple();
  m.law(Format::bf16).efficiency = about(Quantity<Scalar>(0.8), 0.01);
  m.all_reduce = {{2, bytes(0.0), known(microseconds(5.0)), known(seconds_per_byte(1e-12)), 0}};
  cards::set_parameter(m, "memory.bandwidth=18TB/s");
  cards::set_parameter(m, "sync.tp=1us");
  const auto p = predict(m, of(1, 4096, 2));
  EXPECT_NEAR(p.step.linear.in(seconds), 7.5045e9 * 2 / 2 / (0.8 * 18e12), 1e-6);
  EXPECT_NEAR(p.step.exchanges.in(seconds), 66 * (1e-6 + 1e-12 * 8192), 1e-12);
  EXPECT_EQ(m.memory_bandwidth->evidence, Evidence::hypothetical);
}

TEST(Predict, LinksThatAreNamedKeepTheMeasuredShareOfTheirBandwidth) {
  Machine m = simple();
  m.sync_tp_bandwidth = known(gigabytes_per_second(450.0));
  m.all_reduce = {
      {2, bytes(0.0), known(microseconds(5.0)), about(seconds_per_byte(7.6e-12), 0.1), 0}};
  auto with = [&](const char* assignment) {
    Machine other = m;
    cards::set_parameter(other, assignment);
    return other;
  };
  const Case c = of(64, 4096, 2);
  const auto as_is = predict(m, c), own = predict(with("sync.tp_bandwidth=450GB/s"), c);
  EXPECT_DOUBLE_EQ(own.utps, as_is.utps);
  EXPECT_DOUBLE_EQ(own.utps_low, as_is.utps_low);
  EXPECT_DOUBLE_EQ(own.utps_high, as_is.utps_high);
  const Machine half = with("sync.tp_bandwidth=225GB/s");
  EXPECT_NEAR(predict(half, c).step.exchanges.in(seconds), 66 * (5e-6 + 2 * 7.6e-12 * 64 * 8192),
              1e-12);
  EXPECT_DOUBLE_EQ(half.all_reduce[0].beta.high.in(seconds_per_byte), 2 * 1.1 * 7.6e-12);
  // That is what the table of parameters says it buys.
  double bandwidth = 0, beta = 0;
  for (const auto& s : sensitivities(m, c)) {
    if (s.key == "sync.tp_bandwidth") bandwidth = s.elasticity;
    if (s.key == "sync.all_reduce[2 ranks, from 0 B].beta") beta = s.elasticity;
  }
  EXPECT_LT(beta, -0.001);
  EXPECT_NEAR(bandwidth, -beta, 1e-8);
  // Where no bandwidth was known, the crossings of the links that are named.
  m.sync_tp_bandwidth.reset();
  EXPECT_NEAR(predict(with("sync.tp_bandwidth=500GB/s"), c).step.exchanges.in(seconds),
              66 * (5e-6 + 2e-12 * 64 * 8192), 1e-12);
}

TEST(Predict, CollectivesAreExtrapolatedBeyondTheLargestFit) {
  Machine m = simple();
  m.sync_tp.reset();
  m.all_reduce = {
      {2, bytes(0.0), known(microseconds(1.0)), known(seconds_per_byte(0.0)), 0},
      {2, kilobytes(64.0), known(microseconds(3.0)), known(seconds_per_byte(1e-11)), 0}};
  EXPECT_DOUBLE_EQ(collective_law(m, Exchange::all_reduce, 2, bytes(100.0)).alpha.in(microseconds),
                   1);
  EXPECT_DOUBLE_EQ(
      collective_law(m, Exchange::all_reduce, 2, kilobytes(64.0)).alpha.in(microseconds), 3);
  const auto eight = collective_law(m, Exchange::all_reduce, 8, kilobytes(64.0));
  EXPECT_TRUE(eight.extrapolated);
  EXPECT_DOUBLE_EQ(eight.alpha.in(microseconds), 9);                         // three doublings
  EXPECT_DOUBLE_EQ(eight.beta.in(seconds_per_byte), 1e-11 * (2 * 7 / 8.0));  // of a ring of 2: 1
}

// 16 devices in nodes of 4: a step in the node, then log2(4) = 2 steps between nodes with a quarter
// of the vector; an all-to-all goes straight there with all of it.
TEST(Predict, CollectivesCrossNodesByTheNetwork) {
  Machine m = simple();
  m.devices_per_node = 4;
  m.sync_net = known(microseconds(10.0));
  m.sync_net_bandwidth = known(gigabytes_per_second(50.0));
  m.sync_tp_bandwidth = known(gigabytes_per_second(500.0));
  m.sync_pp = known(microseconds(3.0));
  auto law = [&](Exchange kind, int ranks) { return collective_law(m, kind, ranks, bytes(1e6)); };
  const auto near = law(Exchange::all_reduce, 4), far = law(Exchange::all_reduce, 16),
             direct = law(Exchange::all_to_all, 16);
  EXPECT_DOUBLE_EQ(near.alpha.in(microseconds), 2);
  EXPECT_DOUBLE_EQ(near.beta.in(seconds_per_byte), 1.5 / 500e9);
  EXPECT_DOUBLE_EQ(far.alpha.in(microseconds), 2 + 2 * 10);
  EXPECT_DOUBLE_EQ(far.beta.in(seconds_per_byte), 1.5 / 500e9 + 1.5 / 50e9 / 4);
  EXPECT_DOUBLE_EQ(direct.alpha.in(microseconds), 2 + 10);
  EXPECT_DOUBLE_EQ(direct.beta.in(seconds_per_byte), 0.75 / 500e9 + 0.75 / 50e9);
  // 8 stages of 2: every second of 7 hops, the 2nd, 4th and 6th, leaves a node.
  EXPECT_DOUBLE_EQ(hops_between_nodes(m, {.tp = 2, .pp = 8}), 3 / 7.0);
  EXPECT_DOUBLE_EQ(hops_between_nodes(m, {.tp = 4, .pp = 4}), 1);
  EXPECT_DOUBLE_EQ(hops_between_nodes(m, {.tp = 1, .pp = 4}), 0);
  const auto p = predict(m, of(1, 4096, 4, 4));
  EXPECT_NEAR(p.step.exchanges.in(microseconds),
              66 * (2 + 8192 * 1.5 / 500e3) + 4 * 10 + (3 * 8192 + 4) / 50e3, 1e-9);
  // Ranks of one host are within it, however many.
  m.devices_per_node = 1;
  m.ranks_per_device = 4;
  EXPECT_DOUBLE_EQ(law(Exchange::all_reduce, 4).alpha.in(microseconds), 2);
}

TEST(Predict, WhatCannotBeRunIsSaid) {
  EXPECT_NE(predict(simple(), of(1, 4096, 1, 33)).why_not.find("33"), std::string::npos);
  Case c = of(8, 4096, 8);
  c.partition.ep = 8;
  EXPECT_NE(predict(simple(), c).why_not.find("no experts"), std::string::npos);
  c = of(6, 4096);
  c.partition.dp = 4;
  EXPECT_NE(predict(simple(), c).why_not.find("cannot be split"), std::string::npos);
}

TEST(Predict, IntervalsHoldTheValueAndGrowWithTheParameters) {
  Machine m = simple();
  m.memory_bandwidth = about(terabytes_per_second(1.0), 0.05);
  const auto p = predict(m, of(1, 4096));
  EXPECT_LT(p.utps_low, p.utps);
  EXPECT_NEAR(p.utps_low / p.utps, 0.95, 0.01);
  EXPECT_LE(p.utps_high, p.utps_ideal);
  m.memory_bandwidth = about(terabytes_per_second(1.0), 0.10);
  EXPECT_LT(predict(m, of(1, 4096)).utps_low, p.utps_low);
  for (int context = 1; context < 2000;
       ++context) {  // to the last digit, on a machine without laws
    const auto exact = predict(simple(), of(1, context, 8));
    ASSERT_LE(exact.utps_low, exact.utps) << context;
    ASSERT_LE(exact.utps, exact.utps_high) << context;
  }
}

// Laws that hold for every machine and every case.
TEST(Predict, PropertiesOverRandomMachines) {
  const Transformer drafter = cards::find_model("llama-3.2-1b");
  std::mt19937_64 random(20240607);
  auto log_uniform = [&](double low, double high) {
    return low * std::pow(high / low, std::uniform_real_distribution<double>(0, 1)(random));
  };
  for (int i = 0; i < 2000; ++i) {
    Machine m = simple();
    m.devices = 1024;
    m.memory_capacity = known(gigabytes(log_uniform(1, 10000)));
    m.memory_bandwidth = about(gigabytes_per_second(log_uniform(10, 1e6)), log_uniform(0.001, 0.5));
    m.compute[static_cast<int>(Format::bf16)] = known(teraflops_per_second(log_uniform(0.1, 1e5)));
    m.sync_tp = about(microseconds(log_uniform(0.01, 100)), 0.3);
    auto& law = m.law(Format::bf16);
    law.efficiency = known(Quantity<Scalar>(log_uniform(0.2, 1)));
    law.fixed = known(microseconds(log_uniform(0.01, 10)));
    law.rate = known(m.compute[static_cast<int>(Format::bf16)]->value * log_uniform(0.2, 1));
    law.unpack = known(picoseconds(log_uniform(0.001, 10)));
    law.scatter = log_uniform(0.001, 0.1);
    Case c = of(std::floor(log_uniform(1, 512)), std::floor(log_uniform(1, 131072)),
                1 << (random() % 8), 1 + int(random() % 3));
    if (random() % 2) c.workload.weights = weight_formats[random() % weight_formats.size()];
    c.drafts = {int(random() % 4), log_uniform(0.01, 1), random() % 2 ? &drafter : nullptr, {}};
    const auto p = predict(m, c);
    ASSERT_TRUE(std::isfinite(p.utps) && p.utps > 0);
    ASSERT_LE(p.utps, p.utps_ideal * (1 + 1e-12));
    ASSERT_LE(p.utps_low, p.utps);
    ASSERT_GE(p.utps_high, p.utps);
    ASSERT_GE(p.limits.factor, 1);
    ASSERT_NE(p.limits.binding, p.limits.next);
    ASSERT_NEAR(p.stps, p.utps * c.workload.batch * busy_stages(llama8(), c.partition.pp),
                p.stps * 1e-12);
    if (c.partition.ranks() == 1) {
      ASSERT_EQ(p.step.exchanges.in(seconds), 0);
    }
    ASSERT_LE(p.step.total.in(seconds),
              (p.step.memory + p.step.compute + p.step.sync).in(seconds) * (1 + 1e-12));
    // More of anything never slows a step.
    for (const char* set : {"memory.bandwidth=2000PB/s", "compute.bf16=1e6PFLOP/s",
                            "linear.bf16.rate=1e6PFLOP/s", "sync.tp=0us", "linear.bf16.fixed=0us",
                            "linear.bf16.efficiency=1", "linear.bf16.unpack=0s"}) {
      Machine better = m;
      cards::set_parameter(better, set);
      ASSERT_GE(predict(better, c).utps, p.utps * (1 - 1e-12)) << set;
    }
  }
}

}  // namespace
}  // namespace limen::model
