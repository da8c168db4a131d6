#include "model/tiers.hpp"

#include <map>
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

Machine simple() {
  Machine m;
  m.name = "simple";
  m.devices = 64;
  m.memory_capacity = known(gigabytes(1000.0));
  m.memory_bandwidth = known(terabytes_per_second(1.0));
  m.compute[static_cast<int>(Format::bf16)] = known(teraflops_per_second(1e6));
  return m;
}
Machine tiered(double sram_gb, double sram_tb, double host_gb = 0, double host_tb = 0) {
  Machine m = simple();
  m.sram_capacity = known(gigabytes(sram_gb));
  m.sram_bandwidth = known(terabytes_per_second(sram_tb));
  if (host_gb > 0) {
    m.host_capacity = known(gigabytes(host_gb));
    m.host_bandwidth = known(terabytes_per_second(host_tb));
  }
  return m;
}

const Transformer& model(const char* name) {
  static std::map<std::string, Transformer> seen;
  auto [at, fresh] = seen.try_emplace(name);
  if (fresh) at->second = cards::find_model(name);
  return at->second;
}
Case of(const char* name, double batch = 1, double context = 4096, Partition p = {}) {
  return {&model(name), {batch, context, Format::bf16, Format::bf16}, p};
}

double memory(const Machine& m, const Case& c, bool ideal) {
  const auto p = predict(m, c);
  return (ideal ? p.ideal : p.step).memory.in(seconds);
}

// By hand: 15.545 GB are read, 10 GB of them lie in SRAM of 10 TB/s, the rest at 1 TB/s.
TEST(Tiers, TwoTiersByHand) {
  const Case c = of("llama-3.1-8b");
  const double read = 7.5045e9 * 2 + 4097.0 * 32 * 2048 * 2;
  const Machine m = tiered(10, 10);
  EXPECT_NEAR(memory(m, c, false), 10e9 / 10e12 + (read - 10e9) / 1e12, 1e-6);
  EXPECT_NEAR(memory(m, c, true), (read - 10e9) / 1e12, 1e-6);  // the SRAM is done before
  // All of it fits into the SRAM; at the best, a part is left in the slow one and comes along.
  const Machine large = tiered(100, 10);
  EXPECT_NEAR(memory(large, c, false), read / 10e12, 1e-6);
  EXPECT_NEAR(memory(large, c, true), read / 11e12, 1e-6);
}

TEST(Tiers, WeightsTakeTheFastTierBeforeTheCache) {
  const Case c = of("llama-3.1-8b", 16, 8192);
  const auto p = predict(tiered(15.0, 10), c);  // the weights that are read take 15.009 GB
  EXPECT_NEAR(p.step.linear.in(seconds), 15.0e9 / 10e12 + 0.009e9 / 1e12, 2e-6);
  EXPECT_NEAR(p.step.attention.in(seconds), 16 * 8193.0 * 32 * 2048 * 2 / 1e12, 1e-6);
}

TEST(Tiers, WhatFitsIsTheSumOfAllTiers) {
  Machine m = tiered(2, 10, 10, 0.1);
  m.memory_capacity = known(gigabytes(5.0));
  const auto p = predict(m, of("llama-3.1-8b"));
  EXPECT_NEAR(p.capacity.in(gigabytes), 17, 1e-9);
  EXPECT_TRUE(p.fits);
  m.host_capacity = known(gigabytes(9.0));
  EXPECT_FALSE(predict(m, of("llama-3.1-8b")).fits);
}

TEST(Tiers, AnEmptyOrEquallyFastTierChangesNothing) {
  for (const char* name : {"llama-3.1-8b", "mixtral-8x7b", "deepseek-v3"}) {
    const Case c = of(name, 8);
    const double plain = memory(simple(), c, true);
    EXPECT_DOUBLE_EQ(memory(tiered(0, 10), c, true), plain);
    EXPECT_NEAR(memory(tiered(0, 10), c, false), memory(simple(), c, false), 1e-12);
    EXPECT_NEAR(memory(tiered(5, 1), c, false), memory(simple(), c, false), 1e-9);
  }
}

// No more bandwidth or capacity of any tier ever slows a step, and nothing beats the ideal.
TEST(Tiers, MonotoneInEveryResource) {
  std::mt19937_64 random(7);
  auto log_uniform = [&](double low, double high) {
    return low * std::pow(high / low, std::uniform_real_distribution<double>(0, 1)(random));
  };
  const char* names[] = {"llama-3.1-8b", "llama-3.1-70b", "mixtral-8x7b", "deepseek-v3",
                         "gemma-3-27b"};
  for (int i = 0; i < 3000; ++i) {
    Machine m = simple();
    const double main = log_uniform(0.1, 50);
    m.memory_bandwidth = known(terabytes_per_second(main));
    m.memory_capacity = known(gigabytes(log_uniform(1, 1000)));
    if (random() % 4) {
      m.sram_capacity = known(gigabytes(log_uniform(0.01, 1000)));
      m.sram_bandwidth = known(terabytes_per_second(main * log_uniform(1, 100)));
    }
    if (random() % 4) {
      m.host_capacity = known(gigabytes(log_uniform(1, 10000)));
      m.host_bandwidth = known(terabytes_per_second(main / log_uniform(1, 100)));
    }
    m.law(Format::bf16).efficiency = known(Quantity<Scalar>(log_uniform(0.3, 1)));
    const Case c =
        of(names[random() % 5], std::floor(log_uniform(1, 300)), std::floor(log_uniform(1, 100000)),
           {.tp = 1 << (random() % 4), .pp = 1 + int(random() % 3)});
    const auto p = predict(m, c);
    ASSERT_TRUE(std::isfinite(p.utps) && p.utps > 0);
    ASSERT_LE(p.utps, p.utps_ideal * (1 + 1e-12));
    auto better = [&](auto& parameter, double factor) {
      if (!parameter) return;
      const auto kept = parameter;
      parameter->value = parameter->value * factor;
      const auto q = predict(m, c);
      ASSERT_GE(q.utps, p.utps * (1 - 1e-12)) << i;
      ASSERT_GE(q.utps_ideal, p.utps_ideal * (1 - 1e-12)) << i;
      parameter = kept;
    };
    const double factor = log_uniform(1, 3);
    better(m.sram_bandwidth, factor);
    better(m.sram_capacity, factor);
    better(m.host_bandwidth, factor);
    better(m.host_capacity, factor);
    better(m.memory_capacity, factor);
    if (!m.sram_bandwidth || m.memory_bandwidth->value * factor < m.sram_bandwidth->value)
      better(m.memory_bandwidth, factor);
  }
}

// Slopes by dual numbers against differences of the whole prediction, for every parameter.
TEST(Tiers, SensitivitiesAgreeWithDifferences) {
  Machine m = tiered(6, 10, 50, 0.2);
  m.memory_capacity = known(gigabytes(12.0));
  m.law(Format::bf16).efficiency = known(Quantity<Scalar>(0.8));
  m.law(Format::bf16).fixed = known(microseconds(2.0));
  m.sync_tp = known(microseconds(3.0));
  m.sync_tp_bandwidth = known(gigabytes_per_second(100.0));
  for (const Case& c :
       {of("mixtral-8x7b", 4, 4096, {.tp = 2}), of("llama-3.1-70b", 32, 2000, {.tp = 4})}) {
    const auto all = sensitivities(m, c);
    EXPECT_GE(all.size(), 10u);
    int felt = 0;
    for (const auto& s : all) {
      auto log_rate = [&](double factor, bool ideal) {
        Machine moved = m;
        for_each_parameter(moved, [&](const std::string& key, auto& p) {
          if (key == s.key) p->value = p->value * factor;
        });
        const auto p = predict(moved, c);
        return std::log(ideal ? p.utps_ideal : p.utps);
      };
      const double h = 1e-5;
      EXPECT_NEAR(s.elasticity, (log_rate(1 + h, false) - log_rate(1 - h, false)) / (2 * h), 1e-5)
          << s.key;
      EXPECT_NEAR(s.elasticity_ideal, (log_rate(1 + h, true) - log_rate(1 - h, true)) / (2 * h),
                  1e-5)
          << s.key;
      felt += s.elasticity != 0;
    }
    EXPECT_GE(felt, 7);  // capacities, bandwidths, efficiency, fixed time, synchronization
  }
}

}  // namespace
}  // namespace limen::model
