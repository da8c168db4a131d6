// Who is to blame when nothing gets on, and what is said of ranks that are not alike.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probes/mpi_builds.hpp"
#include "probes/mpi_watch.hpp"

namespace limen::probes {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t visit(std::uint64_t number, std::uint64_t steps) {
  return number << 32 | steps;
}

TEST(MpiWatch, ARankThatIsSilentHasStopped) {
  EXPECT_EQ(
      who_hangs(
          {{"a", true, true, visit(3, 8)}, {"a", true, true, visit(3, 8)}, {"b", true, false, 0}}),
      "rank 2 on b has stopped");
}

TEST(MpiWatch, OneThatRunsButCameLessFarKeepsTheOthersWaiting) {
  EXPECT_EQ(who_hangs({{"a", true, true, visit(3, 9)},
                       {"b", true, true, visit(3, 8)},
                       {"c", true, true, visit(3, 9)}}),
            "rank 1 on b runs, but keeps the others waiting");
}

TEST(MpiWatch, RanksThatSitTheVisitOutAreNotBehind) {
  const std::string line = who_hangs({{"a", true, true, visit(3, 9)},
                                      {"b", true, true, visit(3, 9)},
                                      {"c", true, true, visit(3, 0) | sits_out}});
  EXPECT_THAT(line, HasSubstr("all ranks run"));
}

TEST(MpiWatch, SilenceOfOneThatWasNeverHeardProvesNothing) {
  EXPECT_THAT(who_hangs({{"a", true, true, 1}, {"b", false, false, 0}}),
              HasSubstr("rank 1 on b cannot be asked"));
}

TEST(MpiBuilds, AlikeRanksNeedNoWord) {
  EXPECT_EQ(different_limens({{"limen 1", "x", "a"}, {"limen 1", "y", "b"}}), "");
  EXPECT_EQ(different_cpus({{"limen 1", "x", "a"}, {"limen 2", "x", "b"}}), "");
}

TEST(MpiBuilds, OthersAreNamedWithTheirHost) {
  const std::vector<RankBuild> builds{
      {"limen 1", "x", "a"}, {"limen 2", "y", "b"}, {"limen 1", "x", "a"}};
  EXPECT_EQ(different_limens(builds),
            "the ranks are different programs: limen 1 at 2 ranks (the first is 0 on a), limen 2 "
            "at 1 rank (the first is 1 on b); start the same build on every node");
  EXPECT_THAT(different_cpus(builds), HasSubstr("y at 1 rank (the first is 1 on b)"));
}

}  // namespace
}  // namespace limen::probes
