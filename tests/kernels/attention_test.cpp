// Attention over a cache of bf16 against fp64, at shapes that are no multiple of anything, however
// the heads are split over threads.
#include <gmock/gmock.h>

#include "kernels/cpu/decode/attention.hpp"
#include "kernels/cpu/decode/index.hpp"
#include "kernels/cpu/team.hpp"
#include "tests/kernels/simd_targets.hpp"

namespace limen::kernels {
namespace {

using testing::IsEmpty;

TEST(Attention, IsRightOnEveryTarget) {
  Team team(1);
  tests::for_every_target([&](const char* target) {
    for (const std::size_t context : {1, 63, 64, 65, 200}) {
      for (const std::size_t group : {1, 2, 3, 4, 7, 8}) {
        ASSERT_THAT(verify_attention(team, 1, {2, 3, group, 64, context}), IsEmpty()) << target;
      }
    }
    for (const std::size_t head_dim : {16, 48, 80, 128, 256})
      ASSERT_THAT(verify_attention(team, 1, {1, 2, 4, head_dim, 130}), IsEmpty()) << target;
    for (const std::size_t group : {1, 6, 7}) {  // of a latent cache, whole or in part
      ASSERT_THAT(verify_attention(team, 1, {2, 1, group, 48, 130, 16, 12}), IsEmpty()) << target;
      ASSERT_THAT(verify_attention(team, 1, {2, 1, group, 64, 77, 32, 96}, 20), IsEmpty())
          << target;
    }
  });
}

TEST(Attention, TheIndexerSelectsExactlyOnEveryTarget) {
  Team team(1);
  tests::for_every_target([&](const char* target) {
    for (const std::size_t context : {1, 64, 65, 300})
      for (const std::size_t top : {1, 7, 64, 299, 300})
        for (const std::size_t heads : {1, 6})
          ASSERT_THAT(verify_index(team, 1, {2, heads, 32, context, top}), IsEmpty()) << target;
  });
}

TEST(Attention, IsRightWhateverTheThreads) {
  Team team(5);
  for (int members = 1; members <= team.size(); ++members) {
    EXPECT_THAT(verify_attention(team, members, {1, 1, 8, 64, 1000}), IsEmpty());
    EXPECT_THAT(verify_attention(team, members, {3, 2, 4, 64, 65}), IsEmpty());
    EXPECT_THAT(verify_attention(team, members, {1, 1, 1, 64, 20}), IsEmpty());  // idle threads
    EXPECT_THAT(verify_attention(team, members, {2, 1, 5, 48, 300, 16, 40}, 9), IsEmpty());
    EXPECT_THAT(verify_index(team, members, {3, 4, 32, 200, 50}), IsEmpty());
  }
}

TEST(Attention, PiecesCoverEveryChunkOnce) {
  const CacheShape shape{3, 5, 2, 64, 777};
  for (const std::size_t members : {1, 2, 7, 64}) {
    std::vector<int> covered(shape.heads() * shape.chunks());
    for (std::size_t m = 0; m < members; ++m) {
      std::size_t at = 0;
      for (const Piece& p : pieces_of(shape, m, members)) {
        EXPECT_EQ(p.at, at);
        at += p.chunks;
        for (std::size_t c = 0; c < p.chunks; ++c) ++covered[p.head * shape.chunks() + p.first + c];
      }
    }
    EXPECT_THAT(covered, testing::Each(1));
  }
}

TEST(Attention, ClaimsWhatGroupedQueriesShare) {
  const auto work = attention_work({2, 8, 4, 128, 1000});
  EXPECT_DOUBLE_EQ(work.read.in(model::bytes), 2 * 2.0 * 2 * 8 * 128 * 1000);
  EXPECT_DOUBLE_EQ(work.flops.in(model::flops), 4.0 * 2 * 32 * 128 * 1000);
  // 576 elements a token, the first 512 of which are the value, for 128 heads.
  const auto latent = attention_work({2, 1, 128, 512, 1000, 64, 192});
  EXPECT_DOUBLE_EQ(latent.read.in(model::bytes), 2 * 2.0 * 576 * 1000);
  EXPECT_DOUBLE_EQ(latent.flops.in(model::flops), 2.0 * 2 * 128 * (576 + 512) * 1000);
}

}  // namespace
}  // namespace limen::kernels
