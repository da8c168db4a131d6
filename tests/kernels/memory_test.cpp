// Streams, pointer chase and multiply-adds against plain references, on every SIMD target.
#include <set>
#include <vector>

#include <gmock/gmock.h>

#include "kernels/cpu/buffer.hpp"
#include "kernels/cpu/chase.hpp"
#include "kernels/cpu/clock.hpp"
#include "kernels/cpu/fma.hpp"
#include "kernels/cpu/plain.hpp"
#include "kernels/cpu/stream.hpp"
#include "tests/kernels/simd_targets.hpp"

namespace limen::kernels {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(Streams, AreExactOnEveryTargetAtOddSizes) {
  tests::for_every_target([](const char* target) {
    for (const auto kernel : {Stream::read, Stream::write, Stream::copy, Stream::triad}) {
      for (const auto stores : {Stores::ordinary, Stores::non_temporal}) {
        for (const std::size_t words : {0, 1, 7, 63, 64, 65, 129, 1000, 4099}) {
          EXPECT_THAT(verify_stream(kernel, words, stores), IsEmpty()) << target;
        }
      }
    }
  });
}

TEST(Streams, ReadMissesNoWord) {
  std::vector<std::uint64_t> words(515, 0);
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i] = 1;
    EXPECT_EQ(stream_read(words.data(), words.size()), 1u) << "word " << i;
    EXPECT_EQ(plain_read(words.data(), words.size()), 1u) << "word " << i;
    words[i] = 0;
  }
}

TEST(Streams, ClaimWhatTheAlgorithmMoves) {
  const auto read = [](Stream k) { return stream_work(k, 10).read.in(model::bytes); };
  const auto written = [](Stream k) { return stream_work(k, 10).written.in(model::bytes); };
  EXPECT_EQ(read(Stream::read), 80);
  EXPECT_EQ(written(Stream::read), 0);
  EXPECT_EQ(read(Stream::write), 0);
  EXPECT_EQ(written(Stream::write), 80);
  EXPECT_EQ(read(Stream::copy), 80);
  EXPECT_EQ(read(Stream::triad), 160);
  EXPECT_EQ(written(Stream::triad), 80);
}

TEST(Chase, VisitsEveryLineOnceAndComesBack) {
  for (const std::size_t lines : {1, 2, 3, 64, 1000}) {
    const Buffer memory(lines * sizeof(ChaseLine));
    const auto* start = chase_link(memory.as<ChaseLine>(), lines, 7);
    EXPECT_THAT(verify_chase(start, lines), IsEmpty());
    std::set<const ChaseLine*> seen;
    for (std::size_t hop = 0; hop < lines; ++hop) seen.insert(chase(start, hop));
    EXPECT_EQ(seen.size(), lines);
    EXPECT_EQ(chase(start, lines + 3)->position, 3 % lines);
  }
}

TEST(Chase, VerificationFindsAShortCycle) {
  const Buffer memory(10 * sizeof(ChaseLine));
  auto* lines = memory.as<ChaseLine>();
  const auto* start = chase_link(lines, 10, 1);
  const_cast<ChaseLine*>(chase(start, 4))->next = start;
  EXPECT_THAT(verify_chase(start, 10), HasSubstr("closes after 5 hops"));
}

TEST(Fma, AddsUpExactlyOnEveryTarget) {
  tests::for_every_target([](const char* target) {
    for (const auto type : {FmaType::fp32, FmaType::fp64, FmaType::bf16, FmaType::int16}) {
      for (const std::size_t rounds : {0, 1, 1000}) {
        EXPECT_EQ(fma_run(type, rounds), fma_expected(type, rounds)) << name(type) << " " << target;
        EXPECT_EQ(fma_flops(type, rounds), 2 * fma_expected(type, rounds));
      }
    }
  });
}

TEST(Clock, CountsItsSteps) { EXPECT_EQ(clock_chain(80), 81u); }

}  // namespace
}  // namespace limen::kernels
