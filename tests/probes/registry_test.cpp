#include <set>

#include <gmock/gmock.h>

#include "model/error.hpp"
#include "probes/registry.hpp"
#include "probes/run_probes.hpp"

namespace limen::probes {
namespace {

using testing::HasSubstr;

std::string refused(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Exit::usage);
    return e.what();
  }
  return "nothing was thrown";
}

TEST(Registry, NamesAreUniqueAndEveryProbeAsksAQuestion) {
  std::set<std::string> names;
  for (const auto& probe : all_probes()) {
    EXPECT_TRUE(names.insert(probe.name).second) << probe.name;
    EXPECT_EQ(probe.question.back(), '?') << probe.name;
  }
  EXPECT_THAT(names, testing::IsSupersetOf({"memory.stream", "memory.latency", "sync.pingpong",
                                            "sync.barrier", "sync.allreduce", "gemv", "gemm",
                                            "compute.fma"}));
}

TEST(Registry, SelectsByNameAndByFamily) {
  EXPECT_EQ(select_probes({}).size(), all_probes().size());
  EXPECT_EQ(select_probes({"memory"}).size(), 2u);
  EXPECT_EQ(select_probes({"gemv", "memory.stream"}).front()->name, "memory.stream");
}

TEST(Registry, SuggestsTheNearestNames) {
  EXPECT_THAT(refused([] { select_probes({"memory.steam"}); }),
              HasSubstr("did you mean memory.stream"));
  EXPECT_THAT(refused([] { select_probes({"gemn"}); }),
              testing::AllOf(HasSubstr("gemv"), HasSubstr("gemm")));
  EXPECT_THAT(refused([] { select_probes({"xxxxxxxxxxxxxxxx"}); }), HasSubstr("--list"));
}

TEST(Plan, RefusesWhatIsOutOfRange) {
  const auto plan = [](auto change) {
    PlanOptions options;
    change(options);
    return refused([&] { check(options); });
  };
  EXPECT_THAT(plan([](auto& o) { o.seconds = -1; }), HasSubstr("budget"));
  EXPECT_THAT(plan([](auto& o) { o.seconds = std::numeric_limits<double>::quiet_NaN(); }),
              HasSubstr("budget"));
  EXPECT_THAT(plan([](auto& o) { o.relative_error = 0; }), HasSubstr("between 0 and 1"));
  EXPECT_THAT(plan([](auto& o) { o.relative_error = std::numeric_limits<double>::quiet_NaN(); }),
              HasSubstr("not nan"));
  EXPECT_THAT(plan([](auto& o) { o.memory_share = 2; }), HasSubstr("share of memory"));
  EXPECT_THAT(plan([](auto& o) { o.max_threads = -1; }), HasSubstr("threads"));
  EXPECT_THAT(plan([](auto& o) { o.names = {"nonsense!"}; }), HasSubstr("no probe"));
}

}  // namespace
}  // namespace limen::probes
