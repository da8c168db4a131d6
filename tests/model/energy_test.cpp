#include "model/energy.hpp"

#include <gtest/gtest.h>

#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"

namespace limen::model {
namespace {

Machine plain() {
  Machine m = cards::read_machine(R"(schema = 1
name = "m"
devices = 8
[memory]
capacity = { value = "100 GB", evidence = "datasheet", source = "s" }
bandwidth = { value = "1 TB/s", evidence = "datasheet", source = "s" }
[compute]
bf16 = { value = "1000 TFLOP/s", evidence = "datasheet", source = "s" }
)",
                                  "m");
  return m;
}
const Transformer& llama() {
  static const Transformer t = cards::find_model("llama-3.1-8b");
  return t;
}
Running run(const Machine& m, double batch, Partition p = {}) {
  const Case c{&llama(), {batch, 4096, Format::bf16, Format::bf16}, p};
  const auto predicted = predict(m, c);
  return running(m, c, predicted, predicted.stps);
}

TEST(Energy, WhatTheMachineDoesNotNameIsAbsent) {
  const auto r = run(plain(), 1);
  EXPECT_EQ(r.law, PowerLaw::unknown);
  EXPECT_FALSE(r.power || r.per_token || r.capital || r.electricity || r.evidence);
  EXPECT_EQ(r.devices_for_capacity, 1);
}

TEST(Energy, DynamicPowerByHand) {
  Machine m = plain();
  for (const char* set : {"power.idle=100W", "power.overhead=20W", "energy.memory=30pJ/B",
                          "energy.bf16=0.5pJ/FLOP", "energy.link=10pJ/B"})
    cards::set_parameter(m, set);
  const double bytes_read = 7.5045e9 * 2 + 4097.0 * 32 * 2048 * 2;
  const auto one = run(m, 1);
  ASSERT_TRUE(one.power);
  EXPECT_EQ(one.law, PowerLaw::dynamic);
  const double step = bytes_read / 1e12;
  // 2 operations a weight, and 4 for each of 4096 tokens x 4096 elements x 32 layers.
  const double flops = 2 * 7.5045e9 + 4.0 * 4096 * 4096 * 32;
  const double dynamic = bytes_read * 30e-12 + flops * 0.5e-12;
  EXPECT_NEAR(one.power->in(watts), 120 + dynamic / step, 0.01);
  EXPECT_NEAR(one.per_token->in(joules), 120 * step + dynamic, 1e-3);
  EXPECT_NEAR(*one.stps_per_watt, 1 / one.per_token->in(joules), 1e-9);
  // Two ranks: as much is read, twice the idle power for half the time, and links besides.
  const auto two = run(m, 1, {.tp = 2});
  EXPECT_GT(two.per_token->in(joules), one.per_token->in(joules)*0.99);
  EXPECT_EQ(two.devices, 2);
}

TEST(Energy, DesignPowerStandsInForWhatIsNotKnown) {
  Machine m = plain();
  cards::set_parameter(m, "power.tdp=700W");
  const auto r = run(m, 4, {.tp = 4});
  EXPECT_EQ(r.law, PowerLaw::tdp);
  EXPECT_DOUBLE_EQ(r.power->in(watts), 2800);
  EXPECT_EQ(r.evidence, Evidence::hypothetical);
}

TEST(Energy, MoneyByHand) {
  Machine m = plain();
  for (const char* set :
       {"power.tdp=1kW", "cost.device=20000$", "cost.system=5000$", "cost.lifetime=4years",
        "cost.utilization=0.5", "cost.electricity=0.1$/kWh"})
    cards::set_parameter(m, set);
  const Case c{&llama(), {1, 4096, Format::bf16, Format::bf16}, {}};
  const auto p = predict(m, c);
  const auto r = running(m, c, p, 100);  // tokens/s
  EXPECT_NEAR(r.capital->in(dollars), 25000 / (4 * 31557600.0 * 0.5) / 100 * 1e6, 1e-9);
  EXPECT_NEAR(r.electricity->in(dollars), 1000 / 100.0 * 1e6 / 3.6e6 * 0.1, 1e-9);
  EXPECT_NEAR(r.million_tokens()->in(dollars), r.capital->in(dollars) + r.electricity->in(dollars),
              1e-12);
}

TEST(Energy, CapacityAloneSaysHowManyDevices) {
  Machine m = plain();
  m.memory_capacity->value = gigabytes(6.0);
  EXPECT_EQ(*run(m, 1).devices_for_capacity, 3);  // 16.1 GB of weights and 0.5 of cache
  EXPECT_FALSE(run(m, 1).power.has_value());      // it does not fit on one
}

TEST(Energy, ACaseThatDoesNotFitIsNotPriced) {
  Machine m = plain();
  m.memory_capacity->value = gigabytes(6.0);
  cards::set_parameter(m, "power.tdp=1kW");
  EXPECT_FALSE(run(m, 1).power);
}

}  // namespace
}  // namespace limen::model
