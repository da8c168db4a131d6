// Ratios of rounds, on made-up rates.
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
  contest(both, 0, 5, 1, [] { return false; });
  EXPECT_EQ(a, 6);  // and once to warm up
  EXPECT_EQ(b, 6);
  EXPECT_EQ(both[0].rates.size(), 5u);
}

}  // namespace
}  // namespace limen::probes
