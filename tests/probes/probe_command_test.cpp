// `limen probe` as a user runs it: what it writes, what it refuses, and what an interrupt leaves.
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "results/store.hpp"
#include "tests/cli/command.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::tests {
namespace {

using testing::HasSubstr;

TEST(ProbeCommand, MeasuresIntoADirectoryThatLoads) {
  const Folder folder;
  const auto run = run_limen(
      {"probe", "compute.fma", "--quick", "--budget", "50ms", "-o", (folder / "run").string()});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, (folder / "run").string() + "\n");
  const auto loaded = results::load_run(folder / "run");
  EXPECT_GE(loaded.measurements.size(), 4u);
  for (const auto& m : loaded.measurements) {
    EXPECT_EQ(m.probe, "compute.fma");
    const auto& samples = std::get<results::Samples>(m.outcome);
    EXPECT_FALSE(samples.visits.empty());
    for (const auto& visit : samples.visits) {
      for (const double s : visit.seconds) EXPECT_TRUE(std::isfinite(s) && s > 0);
    }
  }
  EXPECT_FALSE(loaded.provenance.finished.empty());
  EXPECT_FALSE(loaded.provenance.processing_units.empty());
  EXPECT_EQ(loaded.provenance.arguments.at(1), "probe");
}

TEST(ProbeCommand, AnswersInJson) {
  const Folder folder;
  const auto run = run_limen({"probe", "compute", "--budget", "10ms", "--json", "--seed", "7", "-o",
                              (folder / "run").string()});
  ASSERT_EQ(run.code, 0) << run.err;
  const auto answer = nlohmann::json::parse(run.out);
  EXPECT_EQ(answer.at("run"), (folder / "run").string());
  EXPECT_GE(answer.at("cases"), 4);
  EXPECT_EQ(results::load_run(folder / "run").provenance.seed, 7u);
  EXPECT_GE(nlohmann::json::parse(run_limen({"probe", "--list", "--json"}).out).size(), 8u);
}

TEST(ProbeCommand, EveryProbeRunsInLittleMemoryAndTime) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "instrumented loops are slowed unevenly, and the physical gate refuses them";
#endif
  const Folder folder;
  const auto run = run_limen({"probe", "--quick", "--budget", "10ms", "--memory-share", "0.02",
                              "--seed", "2", "-o", (folder / "run").string()});
  EXPECT_LE(run.code, 1)
      << run.err;  // a single visit on a busy machine may look impossible to the gate
  std::set<std::string> probes;
  for (const auto& m : results::load_run(folder / "run").measurements) {
    probes.insert(m.probe);
    if (const auto* invalid = std::get_if<results::Invalid>(&m.outcome)) {
      EXPECT_THAT(invalid->reason, HasSubstr("impossible here"));
    }
  }
  EXPECT_THAT(probes, testing::IsSupersetOf(
                          {"memory.stream", "memory.latency", "gemv", "gemm", "compute.fma"}));
}

TEST(ProbeCommand, RefusesBadInputInOneLine) {
  const Folder folder;
  const struct {
    std::vector<std::string> arguments;
    const char* says;
  } cases[] = {
      {{"memory.steam"}, "did you mean memory.stream"},
      {{"--budget", "0s"}, "positive time"},
      {{"--budget", "-5s"}, "positive time"},
      {{"--budget", "nans"}, "positive time"},
      {{"--budget", "5"}, "with its unit"},
      {{"--budget", ""}, "--budget"},
      {{"--case-budget", "1e999s"}, "positive time"},
      {{"--visit", "soon"}, "positive time"},
      {{"--rel-error", "0"}, "between 0 and 1"},
      {{"--rel-error", "nan"}, "between 0 and 1"},
      {{"--memory-share", "1.5"}, "share of memory"},
      {{"--threads", "-1"}, "threads"},
      {{"--seed", "x"}, "--seed"},
  };
  for (const auto& c : cases) {
    std::vector<std::string> arguments{"probe", "-o", (folder / "never").string()};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    const auto run = run_limen(arguments);
    EXPECT_EQ(run.code, 2) << c.says;
    EXPECT_THAT(run.err, HasSubstr(c.says));
    EXPECT_EQ(run.lines_of_error(), 1) << run.err;
    EXPECT_EQ(run.out, "");
    EXPECT_FALSE(std::filesystem::exists(folder / "never"));
  }
}

TEST(ProbeCommand, RefusesADirectoryThatItCannotUse) {
  const Folder folder;
  EXPECT_NE(run_limen({"probe", "sync", "-o", "/proc/no/such"}).code, 0);
  std::ofstream(folder / "file") << "x";
  const auto run = run_limen({"probe", "sync", "-o", (folder / "file").string()});
  EXPECT_NE(run.code, 0);
  EXPECT_THAT(run.err, HasSubstr("file"));
  EXPECT_EQ(run.lines_of_error(), 1);
}

class Interrupted : public testing::TestWithParam<int> {};

TEST_P(Interrupted, KeepsItsSamplesAndSaysSo) {
  const Folder folder;
  const std::string directory = (folder / "run").string();
  const pid_t child = fork();
  if (child == 0) {
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, 1);
    dup2(nowhere, 2);
    execl(LIMEN_EXECUTABLE, LIMEN_EXECUTABLE, "probe", "compute", "--budget", "60s", "--rel-error",
          "1e-9", "-o", directory.c_str(), nullptr);
    _exit(127);
  }
  const auto samples = folder / "run" / "samples.jsonl";
  for (int i = 0; i < 1000; ++i) {
    std::error_code none;
    if (std::filesystem::file_size(samples, none) > 2000 && !none) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  kill(child, GetParam());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  const auto run = results::load_run(directory);
  EXPECT_TRUE(run.provenance.interrupted);
  EXPECT_FALSE(run.provenance.finished.empty());
  EXPECT_THAT(run.warnings, testing::IsEmpty());
  int kept = 0;
  for (const auto& m : run.measurements) {
    const auto* s = std::get_if<results::Samples>(&m.outcome);
    kept += s != nullptr && !s->visits.empty() && s->stop == "interrupted";
  }
  EXPECT_GT(kept, 0);
}

INSTANTIATE_TEST_SUITE_P(Signals, Interrupted, testing::Values(SIGINT, SIGTERM),
                         [](const auto& s) { return s.param == SIGINT ? "SIGINT" : "SIGTERM"; });

}  // namespace
}  // namespace limen::tests
