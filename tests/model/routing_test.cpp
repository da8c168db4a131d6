#include "model/routing.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "model/cards/model_card.hpp"
#include "model/demand.hpp"

namespace limen::model {
namespace {

// What really happens: every token picks `k` of `experts`; experts lie on `devices` in equal
// blocks.
struct Simulated {
  double read = 0;           // experts that anybody picked
  double busiest_read = 0;   // of them on the device that reads most
  double busiest_pairs = 0;  // tokens on the device that computes most
};

Simulated simulate(int tokens, int experts, int k, int devices, int rounds) {
  std::mt19937 random(7);
  std::vector<int> order;
  order.resize(std::size_t(experts));
  std::iota(order.begin(), order.end(), 0);
  Simulated sum;
  for (int r = 0; r < rounds; ++r) {
    std::vector<int> hits(static_cast<std::size_t>(experts), 0),
        pairs(static_cast<std::size_t>(devices), 0), read(static_cast<std::size_t>(devices), 0);
    for (int t = 0; t < tokens; ++t) {
      for (int i = 0; i < k; ++i) {
        std::swap(order[std::size_t(i)],
                  order[std::size_t(i + int(random() % unsigned(experts - i)))]);
        ++hits[std::size_t(order[std::size_t(i)])];
        ++pairs[std::size_t(order[std::size_t(i)] * devices / experts)];
      }
    }
    for (int e = 0; e < experts; ++e) {
      if (hits[std::size_t(e)]) {
        ++read[std::size_t(e * devices / experts)];
        ++sum.read;
      }
    }
    sum.busiest_read += *std::max_element(read.begin(), read.end());
    sum.busiest_pairs += *std::max_element(pairs.begin(), pairs.end());
  }
  return {sum.read / rounds, sum.busiest_read / rounds, sum.busiest_pairs / rounds};
}

TEST(Routing, ExpertsReadAndBusiestDeviceAgainstSimulation) {
  struct {
    int tokens, experts, k, devices;
  } cases[] = {{1, 256, 8, 8}, {4, 256, 8, 8}, {64, 256, 8, 8},  {512, 256, 8, 64},
               {32, 8, 2, 4},  {1, 8, 2, 8},   {128, 128, 1, 16}};
  for (const auto& c : cases) {
    const Simulated s = simulate(c.tokens, c.experts, c.k, c.devices, 2000);
    const double share = share_of_experts_read<double>(c.tokens, c.experts, c.k);
    EXPECT_NEAR(share * c.experts / s.read, 1, 0.01);
    const double read = busiest_count(double(c.experts) / c.devices, share, c.devices);
    const double pairs = busiest_count(double(c.tokens * c.k), 1.0 / c.devices, c.devices);
    EXPECT_GE(read, s.busiest_read * 0.99) << c.tokens;  // an upper bound,
    EXPECT_GE(pairs, s.busiest_pairs * 0.99) << c.tokens;
    EXPECT_LE(read, s.busiest_read * 1.35) << c.tokens;  // and not a loose one
    EXPECT_LE(pairs, s.busiest_pairs * 1.35) << c.tokens;
  }
}

TEST(Routing, LimitsOfTheBound) {
  EXPECT_DOUBLE_EQ(busiest_count(32, 0.5, 1), 16);  // one device: the mean
  EXPECT_DOUBLE_EQ(busiest_count(32, 1.0, 8), 32);  // everything is read everywhere
  EXPECT_LE(busiest_count(4, 0.9, 64), 4);          // never more than there are
  EXPECT_NEAR(busiest_count(1e6, 1.0 / 8, 8) / (1e6 / 8), 1, 0.01);  // many tokens even out
}

TEST(Routing, ExpertsThatAreReadGrowWithTheBatch) {
  const Transformer t = cards::find_model("deepseek-v3");
  auto read = [&](double batch) {
    return demand<double>(t, Workload{batch, 1000, Format::fp8, Format::fp8}, {})
        .part(Part::experts)
        .weights;
  };
  EXPECT_NEAR(read(1), 58.0 * 8 * 3 * 7168 * 2048, 1);
  EXPECT_NEAR(read(2) / read(1), 2 - 8.0 / 256, 1e-9);
  EXPECT_NEAR(read(100000), t.expert_parameters(), 1);
}

TEST(Routing, AttentionReplicasExchangeTokensNotSums) {
  const Transformer t = cards::find_model("deepseek-v3");
  const Demand d = demand<double>(t, Workload{64, 1000, Format::fp8, Format::fp8},
                                  {.tp = 1, .pp = 1, .ep = 8, .dp = 8});
  ASSERT_EQ(d.exchange_count, 1);
  EXPECT_EQ(d.exchanges[0].kind, Exchange::all_to_all);
  EXPECT_DOUBLE_EQ(d.exchanges[0].count, 2 * 58);
  // 8 tokens of a rank, 16 bits, to those of 8 ranks that hold one of their 8 experts of 256.
  double none = 1;
  for (int i = 0; i < 8; ++i) none *= (224.0 - i) / (256 - i);
  EXPECT_DOUBLE_EQ(d.exchanges[0].bytes.in(bytes), 8.0 * 8 * (1 - none) * 7168 * 2);
  const Demand whole = demand<double>(t, Workload{64, 1000, Format::fp8, Format::fp8}, {.dp = 8});
  EXPECT_EQ(whole.exchanges[0].kind, Exchange::all_gather);
  EXPECT_EQ(whole.exchanges[1].kind, Exchange::reduce_scatter);
}

}  // namespace
}  // namespace limen::model
