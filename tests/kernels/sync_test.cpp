// Hand-over, barrier and all-reduce among threads; also with more threads than this machine has
// cores.
#include <gmock/gmock.h>

#include "kernels/cpu/sync.hpp"
#include "kernels/cpu/team.hpp"

namespace limen::kernels {
namespace {

using testing::IsEmpty;

TEST(Sync, HandOversAreCounted) {
  Team team(2);
  Flag line;
  team.run(2, [&](int m) { m == 0 ? ping(line, 50) : pong(line, 50); });
  EXPECT_EQ(line.value.load(), 100u);
}

TEST(Sync, NobodyPassesABarrierEarly) {
  Team team(5);
  for (int members = 1; members <= 5; ++members)
    EXPECT_THAT(verify_barrier(team, members), IsEmpty());
}

TEST(Sync, AllReduceAddsUpInOneAndInTwoExchanges) {
  Team team(5);
  for (int members = 1; members <= 5; ++members) {
    for (const std::size_t count : {1, 2, 33, 1000, 20000}) {
      EXPECT_THAT(verify_all_reduce(team, members, count), IsEmpty());
    }
  }
}

}  // namespace
}  // namespace limen::kernels
