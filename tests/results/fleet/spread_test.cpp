#include "results/fleet/spread.hpp"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "model/error.hpp"
#include "results/fleet/host_order.hpp"

namespace limen::results::fleet {
namespace {

TEST(Spread, QuantilesOfAFleet) {
  std::vector<double> values;
  for (int i = 0; i <= 100; ++i) values.push_back(200 - i);
  const Distribution d = distribution(values);
  EXPECT_EQ(d.n, 101u);
  EXPECT_DOUBLE_EQ(d.median, 150);
  EXPECT_DOUBLE_EQ(d.mad, 25);
  EXPECT_DOUBLE_EQ(d.p5, 105);
  EXPECT_DOUBLE_EQ(d.p95, 195);
  EXPECT_DOUBLE_EQ(d.p25, 125);
  EXPECT_LT(d.interval.low, 150);
  EXPECT_GT(d.interval.high, 150);
  EXPECT_THROW(distribution({}), Error);
}

// Tables of Student's t.
TEST(Spread, StudentTail) {
  EXPECT_NEAR(student_tail(0, 3), 0.5, 1e-12);
  EXPECT_NEAR(student_tail(12.706, 1), 0.025, 1e-5);
  EXPECT_NEAR(student_tail(2.228, 10), 0.025, 1e-5);
  EXPECT_NEAR(student_tail(4.587, 10), 0.0005, 1e-6);
  EXPECT_NEAR(student_tail(1.96, 1e7), 0.0249979, 1e-6);
}

// Draws of normal values of many sizes: scores beyond the alarm are as rare as they are said to be,
// or rarer; and not so rare that the alarm would be deaf.
TEST(Spread, AlarmsAreAsRareAsTheySay) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal;
  for (const std::size_t n : {5, 6, 7, 9, 10, 16, 64, 65, 200}) {
    constexpr double tail = 1e-3;
    const double alarm = alarm_score(n, tail);
    double beyond = 0, all = 0;
    while (all < 200000) {
      std::vector<double> values(n);
      for (double& x : values) x = 3 + 2 * normal(random);
      const double centre = median_of(values), scale = robust_scale(values);
      for (const double x : values) beyond += (x - centre) / scale > alarm;
      all += static_cast<double>(n);
    }
    EXPECT_LT(beyond / all, 1.5 * tail) << n;
    EXPECT_GT(beyond / all, 0.1 * tail) << n;
  }
}

TEST(Spread, TheScaleDoesNotFollowAMinority) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  for (const std::size_t n : {20u, 400u}) {
    std::vector<double> values(n);
    for (std::size_t i = 0; i < n; ++i) values[i] = i < n / 5 ? -1000 : normal(random);
    EXPECT_NEAR(robust_scale(values), 1.3, 0.6) << n;
  }
}

TEST(Hosts, NumbersCountAsNumbers) {
  EXPECT_TRUE(host_before("node2", "node10"));
  EXPECT_FALSE(host_before("node10", "node2"));
  EXPECT_TRUE(host_before("r2n11", "r10n1"));
  EXPECT_TRUE(host_before("r1n2", "r1n2-ib"));
  EXPECT_TRUE(host_before("node01", "node1"));  // two hosts, one order
  EXPECT_FALSE(host_before("node1", "node01"));
  EXPECT_FALSE(host_before("a", "a"));
  EXPECT_TRUE(host_before("n99999999999999999998", "n99999999999999999999"));
}

TEST(Hosts, RacksAreWhatStandsBeforeTheLastNumber) {
  EXPECT_EQ(rack_of("r12n03"), "r12");
  EXPECT_EQ(rack_of("r12n03.cluster7.org"), "r12");
  EXPECT_EQ(rack_of("rack-4-node-17"), "rack-4");
  EXPECT_EQ(rack_of("x1000c0s3b0n1"), "x1000c0s3b0");
  EXPECT_EQ(rack_of("node17"), "node");
  EXPECT_EQ(rack_of("login"), "login");
  EXPECT_EQ(rack_of("17"), "17");
  EXPECT_EQ(rack_of(""), "");
}

}  // namespace
}  // namespace limen::results::fleet
