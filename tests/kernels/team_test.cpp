// The team under the thread sanitizer: everything written before run() is seen by members, and all
// they write after it.
#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "kernels/cpu/team.hpp"

namespace limen::kernels {
namespace {

TEST(Team, RunsEachMemberOnceAndSeesWhatTheyWrote) {
  for (const int size : {1, 2, 5, 9}) {  // 9: more than one level of the tree
    Team team(size);
    EXPECT_EQ(team.size(), size);
    for (int members = 1; members <= size; ++members) {
      std::vector<int> plain(
          static_cast<std::size_t>(size));  // no atomics: the join alone orders this
      int input = 0;
      for (int round = 1; round <= 20; ++round) {
        input = round;
        team.run(members, [&](int m) { plain[static_cast<std::size_t>(m)] += input; });
      }
      EXPECT_EQ(std::accumulate(plain.begin(), plain.end(), 0), 210 * members);
    }
  }
}

TEST(Team, WakesMembersThatSleep) {
  Team team(3);
  std::atomic<int> ran{0};
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    team.run(3, [&](int) { ++ran; });
  }
  EXPECT_EQ(ran, 9);
}

TEST(Team, BindsEveryMemberOnItsOwnThread) {
  std::vector<std::thread::id> bound(4), ran(4);
  Team team(4, [&](int m) { bound[static_cast<std::size_t>(m)] = std::this_thread::get_id(); });
  team.run(4, [&](int m) { ran[static_cast<std::size_t>(m)] = std::this_thread::get_id(); });
  EXPECT_EQ(bound, ran);
  EXPECT_EQ(bound[0], std::this_thread::get_id());
}

TEST(Team, MoreMembersThanThereAreAreCutToSize) {
  Team team(2);
  std::atomic<int> ran{0};
  team.run(100, [&](int) { ++ran; });
  EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace limen::kernels
