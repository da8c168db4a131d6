// Ratios of rounds, on made-up rates.
#include <cmath>

#include <gmock/gmock.h>

#include "probes/contest.hpp"

namespace limen::probes {
namespace {

TEST(Ratio, ComparesRoundByRoundSoThatDriftCancels) {
  std::vector<double> ours, theirs;
  for (int i = 0; i < 40; ++i) {
    const double machine = 1 + i % 7;  // changes sevenfold between rounds
    ours.push_back(1.25 * machine);
    theirs.push_back(machine);
  }
  const auto r = ratio(ours, theirs);
  EXPECT_DOUBLE_EQ(r.median, 1.25);
  EXPECT_DOUBLE_EQ(r.low, 1.25);
  EXPECT_DOUBLE_EQ(r.high, 1.25);
  EXPECT_DOUBLE_EQ(r.best, 1.25);
  EXPECT_EQ(r.rounds, 40u);
}

TEST(Ratio, IntervalIsOfOrderStatistics) {
  std::vector<double> ours, theirs(100, 1.0);
  for (int i = 0; i < 100; ++i) ours.push_back(i);
  const auto r = ratio(ours, theirs);
  EXPECT_DOUBLE_EQ(r.median, 49.5);
  EXPECT_DOUBLE_EQ(r.low, 39);  // ranks 40 and 61 of 100, counted from one
  EXPECT_DOUBLE_EQ(r.high, 60);
}

TEST(Ratio, OfNothingIsNothing) { EXPECT_EQ(ratio({}, {1.0}).rounds, 0u); }

TEST(Contest, EveryoneRunsEveryRound) {
  int a = 0, b = 0;
  std::vector<Contestant> both{{"a", 1, [&] { ++a; }}, {"b", 1, [&] { ++b; }}};
  contest(both, {0, 5, 1, [] { return false; }, [] { return 0.0; }});
  EXPECT_EQ(a, 6);  // and once to warm up
  EXPECT_EQ(b, 6);
  EXPECT_EQ(both[0].rates.size(), 5u);
}

TEST(Ratio, LeavesOutRoundsThatWereDisturbed) {
  const double none = std::nan("");
  const auto r = ratio({2, none, 6, 50}, {1, 1, 3, none});
  EXPECT_EQ(r.rounds, 2u);
  EXPECT_DOUBLE_EQ(r.median, 2);
  EXPECT_EQ(ratio({none}, {none}).rounds, 0u);
}

TEST(Contest, RepeatsARunThatHadToWait) {
  double waited = 0;
  int runs = 0;
  std::vector<Contestant> one{{"now and then", 1, [&] {
                                 if (++runs % 3 != 0) waited += 1;
                               }}};
  contest(one, {0, 4, 1, [] { return false; }, [&] { return waited; }});
  EXPECT_EQ(runs, 12);  // one to warm up; undisturbed were the 3rd, 6th, 9th and 12th
  for (const double rate : one[0].rates) EXPECT_GT(rate, 0);
}

TEST(Contest, GivesARoundUpRatherThanCountingIt) {
  double waited = 0;
  std::vector<Contestant> one{{"always", 1, [&] { waited += 1; }}};
  contest(one, {0, 2, 1, [] { return false; }, [&] { return waited; }, 3});
  EXPECT_EQ(waited, 1 + 2 * 3);
  ASSERT_EQ(one[0].rates.size(), 2u);
  EXPECT_TRUE(std::isnan(one[0].rates[0]));
}

}  // namespace
}  // namespace limen::probes
