// The arithmetic of common clocks and windows, on made-up time stamps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probes/mpi_clock.hpp"
#include "probes/mpi_window.hpp"

namespace limen::probes {
namespace {

using testing::ElementsAre;

// A remote clock that is ahead by `offset`; the way there takes `there` ns and the way back `back`.
Exchange exchange(std::int64_t at, std::int64_t offset, std::int64_t there, std::int64_t back) {
  return {at, at + there + offset, at + there + back};
}

TEST(MpiClock, SymmetricRoundTripGivesTheOffsetExactly) {
  const std::int64_t offset = 1'000'000'000'007;
  const ClockOffset o = estimate_offset({exchange(5'000'000'000'000, offset, 300, 300)});
  EXPECT_DOUBLE_EQ(o.offset, static_cast<double>(offset));
  EXPECT_DOUBLE_EQ(o.error, 300);
}

TEST(MpiClock, NarrowestRoundTripCountsAndItsBoundHolds) {
  const std::int64_t offset = -123'456;
  const ClockOffset o =
      estimate_offset({exchange(1000, offset, 9000, 400), exchange(20'000, offset, 300, 200),
                       exchange(30'000, offset, 250, 4000)});
  EXPECT_DOUBLE_EQ(o.error, 250);
  EXPECT_NEAR(o.offset, static_cast<double>(offset), o.error);
  EXPECT_NE(o.offset, static_cast<double>(offset));  // asymmetry cannot be seen, only bounded
}

TEST(MpiClock, TwoPointsGiveTheDrift) {
  const ClockModel clock({1000, 50, 1}, {2000, 70, 2});  // 20 ns in a microsecond
  EXPECT_DOUBLE_EQ(clock.to_common(1050), 1000);
  EXPECT_NEAR(clock.to_common(1560), 1500, 0.5);
  EXPECT_NEAR(clock.to_common(2070), 2000, 0.5);
  EXPECT_DOUBLE_EQ(clock.error(), 2);
  EXPECT_DOUBLE_EQ(ClockModel().to_common(77), 77);
}

TEST(MpiWindow, FromTheLastInToTheLastOut) {
  const std::vector<std::vector<Stamp>> table = {
      {{0, 500, 0}, {40, 900, 0}},
      {{10, 450, 0}, {0, 800, 0}},
  };
  const Repetitions r = last_in_to_last_out(table, 100, 0);
  EXPECT_THAT(r.seconds, ElementsAre(testing::DoubleEq(490e-9), testing::DoubleEq(860e-9)));
  EXPECT_THAT(r.skew_seconds, ElementsAre(testing::DoubleEq(10e-9), testing::DoubleEq(40e-9)));
  EXPECT_THAT(r.marks, ElementsAre(0u, 0u));
  EXPECT_EQ(r.late, 0u);
  EXPECT_EQ(r.left_early, 0u);
}

TEST(MpiWindow, WaitingForALateRankIsNotTimeOfTheOperation) {
  const std::vector<std::vector<Stamp>> table = {{{0, 5000, 0}},
                                                 {{4600, 4990, results::context_switch}}};
  const Repetitions r = last_in_to_last_out(table, 100, 0);
  EXPECT_THAT(r.seconds, ElementsAre(testing::DoubleEq(400e-9)));
  EXPECT_THAT(r.marks, ElementsAre(results::late_start | results::context_switch));
  EXPECT_EQ(r.late, 1u);
}

TEST(MpiWindow, ARankThatLeavesBeforeTheLastOneCameIsSeen) {
  const std::vector<std::vector<Stamp>> table = {{{0, 80, 0}}, {{90, 200, 0}}};
  EXPECT_EQ(last_in_to_last_out(table, 100, 0).left_early, 1u);
  EXPECT_EQ(last_in_to_last_out(table, 100, 20).left_early, 0u);  // the clocks are not that good
}

TEST(MpiWindow, TimeBelowTheClocksStepIsStillPositive) {
  EXPECT_GT(last_in_to_last_out({{{5, 5, 0}}, {{5, 5, 0}}}, 100, 0).seconds[0], 0);
}

}  // namespace
}  // namespace limen::probes
