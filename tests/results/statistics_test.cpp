#include "results/statistics.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "model/error.hpp"
#include "results/order.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::results {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

Samples one_visit(std::vector<double> seconds) {
  return {{{0, 1, std::move(seconds), {}}}, "settled"};
}

TEST(Summary, OfKnownNumbers) {
  const Summary s = summarize(one_visit({5, 1, 4, 2, 3, 100}));
  EXPECT_EQ(s.n, 6u);
  EXPECT_DOUBLE_EQ(s.median, 3.5);
  EXPECT_DOUBLE_EQ(s.best, 1);
  EXPECT_DOUBLE_EQ(s.worst, 100);
  EXPECT_DOUBLE_EQ(s.p10, 1.5);
  EXPECT_DOUBLE_EQ(s.p90, 52.5);
  EXPECT_DOUBLE_EQ(s.mad, 1.5);
  EXPECT_DOUBLE_EQ(s.effective_n, 1) << "one visit does not say how visits differ";
  EXPECT_FALSE(s.interval.known());
  EXPECT_EQ(s.relative_half_width(), INFINITY);
}

TEST(Summary, OfOneSampleIsThatSample) {
  const Summary s = summarize(one_visit({0.25}));
  EXPECT_DOUBLE_EQ(s.median, 0.25);
  EXPECT_FALSE(s.interval.known());
  EXPECT_FALSE(s.bimodal);
}

TEST(Summary, OfNothingIsAnError) { EXPECT_THROW(summarize(Samples{}), Error); }

TEST(Summary, CountsMarkedSamples) {
  Samples s = one_visit({1, 2, 3});
  s.visits[0].marks = {0, stolen | late_start, 0};
  EXPECT_EQ(summarize(s).marked, 1u);
}

// python3 -c "from scipy.stats import binom
// print([(n, max(r for r in range(n//2+1) if binom.cdf(r-1,n,.5)<=.025)) for n in
// (6,9,10,15,20,25,50,100)])"
TEST(MedianInterval, TakesTheExactRanks) {
  for (const auto& [n, rank] :
       {std::pair{6, 1}, {9, 2}, {10, 2}, {15, 4}, {20, 6}, {25, 8}, {50, 18}, {100, 40}}) {
    std::vector<double> sorted;
    for (int i = 1; i <= n; ++i) sorted.push_back(i);
    const Interval i = median_interval(sorted, n);
    EXPECT_EQ(i.low, rank) << n;
    EXPECT_EQ(i.high, n + 1 - rank) << n;
  }
}

TEST(MedianInterval, OfFiveSamplesIsUnknown) {
  EXPECT_FALSE(median_interval({1, 2, 3, 4, 5}, 5).known());
  EXPECT_TRUE(median_interval({1, 2, 3, 4, 5, 6}, 6).known());
}

double coverage(const tests::Noise& noise, int trials) {
  std::mt19937_64 random(noise.seed);
  int inside = 0;
  for (int t = 0; t < trials; ++t) {
    const Interval i = summarize(tests::noisy(1, noise, random)).interval;
    inside += i.low <= 1 && 1 <= i.high;
  }
  return static_cast<double>(inside) / trials;
}

TEST(MedianInterval, CoversTheTruthOfIndependentSamples) {
  EXPECT_GE(coverage({.drift = 0, .scatter = 0.05}, 2000), 0.94);
}

// Their medians by Student's t, where order statistics have no such interval.
TEST(MedianInterval, CoversTheTruthOfFewVisits) {
  for (const int visits : {2, 3, 4, 5}) {
    const tests::Noise noise{.drift = 0.03, .scatter = 0.01, .visits = visits, .samples = 50};
    EXPECT_GE(coverage(noise, 2000), 0.93) << visits;
    EXPECT_LE(coverage(noise, 2000), 0.99) << visits;
  }
}

TEST(Compare, VisitsThatDifferAreNoDifferenceBetweenRuns) {
  std::mt19937_64 random(5);
  for (const int visits : {1, 2, 4}) {
    int flagged = 0;
    for (int t = 0; t < 400; ++t) {
      const tests::Noise noise{.drift = 0.03, .scatter = 0.003, .visits = visits, .samples = 100};
      const Comparison c = compare(tests::noisy(1, noise, random), tests::noisy(1, noise, random));
      flagged += c.p < 0.05 && !(c.ratio_interval.low <= 1 && 1 <= c.ratio_interval.high);
    }
    EXPECT_LE(flagged, 0.05 * 400) << visits;
  }
}

TEST(MedianInterval, CoversTheTruthUnderDriftBetweenVisits) {
  const tests::Noise noise{.drift = 0.05, .scatter = 0.02, .visits = 10, .samples = 10};
  EXPECT_GE(coverage(noise, 2000), 0.92);
  EXPECT_GE(coverage({.drift = 0.05, .scatter = 0.02, .visits = 5, .samples = 20}, 2000), 0.90);
}

TEST(DesignEffect, IsOneForAliensAndTheSizeForTwins) {
  EXPECT_DOUBLE_EQ(design_effect(one_visit({1, 2, 3})), 3);
  const Samples aliens{{{0, 1, {1}, {}}, {1, 1, {2}, {}}, {2, 1, {3}, {}}}, ""};
  EXPECT_DOUBLE_EQ(design_effect(aliens), 1);
  const Samples twins{{{0, 1, {1, 1, 1}, {}}, {1, 1, {2, 2, 2}, {}}, {2, 1, {3, 3, 3}, {}}}, ""};
  EXPECT_NEAR(design_effect(twins), 3, 1e-12);
  EXPECT_NEAR(summarize(twins).effective_n, 3, 1e-12);
}

TEST(Modes, AreFoundWhereThereAreTwo) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal;
  std::vector<double> seconds;
  for (int i = 0; i < 60; ++i)
    seconds.push_back((i % 3 ? 0.25e-6 : 0.6e-6) * std::exp(0.05 * normal(random)));
  const Summary s = summarize(one_visit(seconds));
  EXPECT_TRUE(s.bimodal);
  EXPECT_THAT(s.modes, ElementsAre(DoubleNear(0.25e-6, 0.01e-6), DoubleNear(0.6e-6, 0.02e-6)));
}

TEST(Modes, AreNotSeenInOneGroup) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  const std::function<double()> shapes[] = {
      [&] { return std::exp(0.1 * normal(random)); },
      [&] { return 1 + uniform(random); },
      [&] { return 1 - 0.3 * std::log(1 - uniform(random)); },  // a long tail
      [&] {
        return uniform(random) < 0.05 ? 1 + 3 * uniform(random) : 1 + 0.02 * uniform(random);
      },                                                      // outliers
      [&] { return uniform(random) < 0.5 ? 20e-9 : 21e-9; },  // a coarse clock
  };
  for (const auto& shape : shapes) {
    int seen = 0;
    for (int trial = 0; trial < 200; ++trial) {
      std::vector<double> seconds;
      for (int i = 0; i < 40; ++i) seconds.push_back(shape());
      std::sort(seconds.begin(), seconds.end());
      seen += !two_modes(seconds).empty();
    }
    EXPECT_LE(seen, 8) << &shape - shapes;
  }
}

// python3 -c "from scipy.stats import mannwhitneyu as u; print(repr(u(A, B, method=M).pvalue))",
// scipy 1.10.1
TEST(MannWhitney, AgreesWithScipy) {
  // M='exact'; the example of scipy's documentation
  EXPECT_NEAR(mann_whitney({19, 22, 16, 29, 24}, {20, 11, 17, 12}), 0.1111111111111111, 1e-14);
  // M='exact'; Hollander and Wolfe 1973, page 69
  EXPECT_NEAR(mann_whitney({0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46},
                           {1.15, 0.88, 0.90, 0.74, 1.21}),
              0.2544122544122544, 1e-14);
  // M='asymptotic', ties
  EXPECT_NEAR(mann_whitney({1, 2, 2, 3, 3, 3, 4, 5}, {2, 3, 4, 4, 5, 5, 6, 7, 8}),
              0.03186670542703166, 1e-12);
  // M='asymptotic'; A=[i*i%97+0.5*i for i in range(40)], B=[i*i%89+0.5*i+9 for i in range(35)]
  std::vector<double> a, b;
  for (int i = 0; i < 40; ++i) a.push_back(i * i % 97 + 0.5 * i);
  for (int i = 0; i < 35; ++i) b.push_back(i * i % 89 + 0.5 * i + 9);
  EXPECT_NEAR(mann_whitney(a, b), 0.835892992426104, 1e-12);
}

TEST(MannWhitney, OfTheSameIsOne) {
  EXPECT_DOUBLE_EQ(mann_whitney({1, 1, 1}, {1, 1, 1}), 1);
  EXPECT_DOUBLE_EQ(mann_whitney({1}, {}), 1);
  EXPECT_DOUBLE_EQ(mann_whitney({1, 4}, {2, 3}), 1);
}

TEST(Holm, AdjustsInTheOrderGiven) {
  EXPECT_THAT(holm({0.01, 0.04, 0.03, 0.005}),
              ElementsAre(DoubleNear(0.03, 1e-15), DoubleNear(0.06, 1e-15), DoubleNear(0.06, 1e-15),
                          DoubleNear(0.02, 1e-15)));
  EXPECT_TRUE(holm({}).empty());
}

TEST(Compare, FindsADifferenceAndItsInterval) {
  std::mt19937_64 random(3);
  const tests::Noise noise{.drift = 0.01, .scatter = 0.02};
  const Comparison c = compare(tests::noisy(1, noise, random), tests::noisy(1.2, noise, random));
  EXPECT_NEAR(c.ratio, 1.2, 0.03);
  EXPECT_LT(c.ratio_interval.low, 1.2);
  EXPECT_GT(c.ratio_interval.high, 1.2);
  EXPECT_LT(c.p, 1e-4);
}

// Two runs of one machine that drifts between visits are not to be called different.
TEST(Compare, IsNotFooledByDrift) {
  std::mt19937_64 random(5);
  const tests::Noise noise{.drift = 0.05, .scatter = 0.01, .visits = 8, .samples = 10};
  int wrong = 0, outside = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    const Comparison c = compare(tests::noisy(1, noise, random), tests::noisy(1, noise, random));
    wrong += c.p < 0.05;
    outside += c.ratio_interval.low > 1 || c.ratio_interval.high < 1;
  }
  EXPECT_LE(wrong, 80);
  EXPECT_LE(outside, 80);
}

}  // namespace
}  // namespace limen::results
