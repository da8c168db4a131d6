// The loop over made-up cases: order, verdicts, interruption, and broken probes that must be
// refused.
#include <algorithm>
#include <filesystem>
#include <set>

#include <gmock/gmock.h>
#include <unistd.h>

#include "probes/interference.hpp"
#include "probes/registry.hpp"
#include "probes/schedule.hpp"
#include "results/gate.hpp"
#include "results/store.hpp"

namespace limen::probes {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Schedule : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(directory_); }
  void TearDown() override { fs::remove_all(directory_); }

  Case busy(std::int64_t number) {
    Case c;
    c.parameters = {{"number", number}};
    c.least_seconds = 20e-6;
    c.execute = [this](std::int64_t inner) {
      for (std::int64_t i = 0; i < inner * 100; ++i) sink_ = sink_ + i;
    };
    return c;
  }
  void add(Case c) { tasks_.push_back({&probe_, std::move(c)}); }

  results::Run run() {
    {
      auto writer = results::RunWriter::create(directory_, {});
      kernels::Team team(1);
      Interference interference(64, team);
      run_schedule(tasks_, options_, interference, writer);
      writer.finish({});
    }
    return results::load_run(directory_);
  }

  const Probe probe_{"made.up", "Is this a test?", nullptr};
  std::vector<Task> tasks_;
  ScheduleOptions options_{{0.5, 4, 2, 0.2}, 1.0, 2e-4, 1, [] { return false; }, {}};
  fs::path directory_ = fs::temp_directory_path() / ("limen_schedule_" + std::to_string(getpid()));
  volatile std::int64_t sink_ = 0;
};

TEST(Shuffled, IsAPermutationThatOnlySeedAndRoundDecide) {
  const auto order = shuffled(50, 3, 7);
  EXPECT_EQ(order, shuffled(50, 3, 7));
  EXPECT_NE(order, shuffled(50, 3, 8));
  EXPECT_NE(order, shuffled(50, 4, 7));
  EXPECT_EQ(std::set<std::size_t>(order.begin(), order.end()).size(), 50u);
  EXPECT_EQ(shuffled(5, 1, 0), (std::vector<std::size_t>{3, 1, 2, 4, 0}))
      << "other machines must draw the same order";
}

TEST_F(Schedule, EveryCaseIsVisitedSeveralTimesAndWrittenWithItsVerdict) {
  for (int i = 0; i < 5; ++i) add(busy(i));
  const auto loaded = run();
  ASSERT_EQ(loaded.measurements.size(), 5u);
  for (const auto& m : loaded.measurements) {
    const auto& samples = std::get<results::Samples>(m.outcome);
    EXPECT_GE(samples.visits.size(), 2u);
    EXPECT_THAT(samples.stop, testing::AnyOf("settled", "time budget"));
    EXPECT_GT(samples.visits[0].inner, 1);
  }
}

TEST_F(Schedule, TheOrderOfVisitsIsThatOfTheSeed) {
  std::vector<std::int64_t> visited;
  for (std::int64_t i = 0; i < 6; ++i) {
    auto c = busy(i);
    c.prepare = [&visited, i]() -> std::optional<results::Outcome> {
      visited.push_back(i);
      return {};
    };
    add(c);
  }
  run();
  std::vector<std::int64_t> expected;
  for (const auto i : shuffled(6, options_.seed, 0))
    expected.push_back(static_cast<std::int64_t>(i));
  EXPECT_EQ(visited, expected);
}

TEST_F(Schedule, SkippedAndInvalidEndACaseBeforeItIsTimed) {
  auto skipped = busy(0), invalid = busy(1);
  skipped.prepare = [] { return std::optional<results::Outcome>(results::Skipped{"too large"}); };
  invalid.prepare = [] { return std::optional<results::Outcome>(results::Invalid{"wrong sum"}); };
  skipped.execute = invalid.execute = [](std::int64_t) { ADD_FAILURE() << "was timed"; };
  add(skipped);
  add(invalid);
  const auto loaded = run();
  ASSERT_EQ(loaded.measurements.size(), 2u);
  int kinds = 0;
  for (const auto& m : loaded.measurements) {
    if (const auto* s = std::get_if<results::Skipped>(&m.outcome))
      kinds += s->reason == "too large";
    if (const auto* i = std::get_if<results::Invalid>(&m.outcome))
      kinds += i->reason == "wrong sum";
  }
  EXPECT_EQ(kinds, 2);
}

TEST_F(Schedule, AWrongResultAfterAVisitIsInvalidAndVoidsTheSamples) {
  auto broken = busy(0);  // claims work, does none: its checksum tells
  broken.execute = [](std::int64_t) {};
  broken.least_seconds = 0;
  broken.check = [] { return std::string("the checksum is 0, not 42"); };
  add(broken);
  const auto loaded = run();
  ASSERT_EQ(loaded.measurements.size(), 1u);
  EXPECT_THAT(std::get<results::Invalid>(loaded.measurements[0].outcome).reason,
              HasSubstr("checksum"));
}

TEST_F(Schedule, ALoopThatWasDeletedIsRefusedByItsRate) {
  auto broken = busy(0);
  broken.execute = [](std::int64_t) {
  };  // nobody checks its result, but a gigabyte in no time is impossible
  broken.least_seconds = 0;
  broken.work = {model::gigabytes(1.0), {}, {}};
  add(broken);
  run();
  const auto refused = results::gate({tasks_[0].measured});
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_THAT(refused[0].reason, HasSubstr("impossible"));
}

TEST_F(Schedule, AnInterruptKeepsWhatWasMeasured) {
  int visits = 0;
  for (int i = 0; i < 4; ++i) {
    auto c = busy(i);
    c.warm = [&visits] { ++visits; };
    add(c);
  }
  options_.interrupted = [&visits] { return visits > 2; };  // warm is called twice in a first visit
  const auto loaded = run();
  int kept = 0, skipped = 0;
  for (const auto& m : loaded.measurements) {
    if (const auto* s = std::get_if<results::Samples>(&m.outcome)) {
      kept += s->stop == "interrupted" && !s->visits.empty() && !s->visits[0].seconds.empty();
    }
    skipped += std::holds_alternative<results::Skipped>(m.outcome);
  }
  EXPECT_EQ(kept, 2);
  EXPECT_EQ(skipped, 2);
}

TEST_F(Schedule, GoesOnWithWhatAnEarlierPartLacks) {
  const auto visits = [](std::vector<double> at) {
    std::vector<results::Visit> out;
    for (const double a : at) out.push_back({a, 1, {1e-4, 1e-4}, {}, 0});
    return out;
  };
  const auto earlier = [](std::int64_t number, results::Outcome outcome) {
    return results::Measurement{"made.up", {{"number", number}}, {}, std::move(outcome)};
  };
  results::Run before;
  before.measurements = {earlier(0, results::Samples{visits({0.1, 0.2}), "settled"}),
                         earlier(1, results::Samples{visits({0.3}), "interrupted"}),
                         earlier(2, results::Skipped{"interrupted before its first visit"}),
                         earlier(3, results::Invalid{"wrong sum"})};
  options_.before = &before;
  options_.seconds = 0.9;
  std::set<std::int64_t> prepared;
  for (std::int64_t i = 0; i < 5; ++i) {
    auto c = busy(i);
    c.prepare = [&prepared, i]() -> std::optional<results::Outcome> {
      prepared.insert(i);
      return {};
    };
    add(c);
  }
  const auto loaded = run();
  EXPECT_THAT(prepared, testing::ElementsAre(1, 2, 4)) << "what ended is left alone";
  EXPECT_EQ(std::get<results::Samples>(tasks_[0].measured.outcome).visits.size(), 2u);
  EXPECT_EQ(std::get<results::Samples>(tasks_[1].measured.outcome).visits[0].at, 0.3);
  EXPECT_GE(std::get<results::Samples>(tasks_[1].measured.outcome).visits.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<results::Invalid>(tasks_[3].measured.outcome));
  for (const auto& m : loaded.measurements) {  // the clock goes on, so that the budget holds
    for (const auto& visit : std::get<results::Samples>(m.outcome).visits) EXPECT_GE(visit.at, 0.3);
  }
}

TEST_F(Schedule, EveryCaseGetsOneVisitHoweverShortTheBudget) {
  options_.seconds = 1e-9;
  for (int i = 0; i < 3; ++i) add(busy(i));
  for (const auto& m : run().measurements) {
    EXPECT_EQ(std::get<results::Samples>(m.outcome).stop, "time budget");
    EXPECT_EQ(std::get<results::Samples>(m.outcome).visits.size(), 1u);
  }
}

TEST(ClockDiffers, FromTheMedianOfTheRunByATenth) {
  const std::vector<double> clocks(20, 4e9);
  EXPECT_FALSE(differs(4.3e9, clocks, 0.1));
  EXPECT_TRUE(differs(3.5e9, clocks, 0.1));
  EXPECT_FALSE(differs(1e9, {4e9, 4e9}, 0.1)) << "two visits are no rest of a run";
}

}  // namespace
}  // namespace limen::probes
