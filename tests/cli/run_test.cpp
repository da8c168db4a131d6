// The main job, end to end, with a small time budget: its figures are poor, its files and codes are
// not.
#include <filesystem>
#include <map>
#include <set>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command.hpp"

namespace limen::tests {
namespace {

using nlohmann::json;
using testing::HasSubstr;
namespace fs = std::filesystem;

class RunCommand : public testing::Test {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "instrumented loops are slowed unevenly, and the physical gate refuses them";
#endif
  }
  static void SetUpTestSuite() {
#ifdef __SANITIZE_ADDRESS__
    return;
#endif
    directory_ = fs::path(testing::TempDir()) / "limen_run_test";
    fs::remove_all(directory_);
    finished_ =
        run_limen({"run", "--quick", "--budget", "4s", "--json", "-o", directory_.string()});
  }
  static void TearDownTestSuite() {
    if (!directory_.empty()) fs::remove_all(directory_);
  }
  static fs::path directory_;
  static Finished finished_;
};
fs::path RunCommand::directory_;
Finished RunCommand::finished_;

TEST_F(RunCommand, LeavesSamplesMachineAndReport) {
  ASSERT_EQ(finished_.code, 0) << finished_.err;
  for (const char* file : {"run.json", "samples.jsonl", "machine.toml", "report.html"}) {
    EXPECT_GT(fs::file_size(directory_ / file), 100u) << file;
  }
  std::ifstream report(directory_ / "report.html");
  std::stringstream html;
  html << report.rdbuf();
  EXPECT_THAT(html.str(), HasSubstr("application/json"));
  EXPECT_THAT(html.str(), HasSubstr("xpu-cows"));
}

TEST_F(RunCommand, PredictsThreeModelsHereAndOnFourHypotheticalSystems) {
  ASSERT_EQ(finished_.code, 0) << finished_.err;
  std::map<std::string, std::set<std::string>> models;
  for (const auto& c : json::parse(finished_.out))
    models[c["machine"]].insert(c["model"].get<std::string>());
  EXPECT_EQ(models.size(), 5u);
  for (const auto& [machine, names] : models) EXPECT_EQ(names.size(), 3u) << machine;
}

TEST_F(RunCommand, TheMachineTakesWhatIfs) {
  ASSERT_EQ(finished_.code, 0) << finished_.err;
  const std::string machine = (directory_ / "machine.toml").string();
  auto rate = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"predict", "--model", "llama-3.1-8b", "--machine", machine,
                               "--weights", "int8", "--tp", "1", "--json"});
    const auto r = run_limen(more);
    EXPECT_EQ(r.code, 0) << r.err;
    return json::parse(r.out)[0];
  };
  const auto here = rate({}),
             faster = rate({"--set", "memory.bandwidth=18TB/s", "--set", "sync.tp=1us"});
  EXPECT_LT(here["utps_low"], here["utps_high"]);
  EXPECT_GE(faster["utps"], here["utps"]);
  EXPECT_GT(faster["utps_ideal"], here["utps_ideal"]);
}

TEST_F(RunCommand, DoesNotOverwriteARun) {
  const auto again = run_limen({"run", "--quick", "-o", directory_.string()});
  EXPECT_EQ(again.code, 2) << again.err;
  EXPECT_EQ(again.lines_of_error(), 1) << again.err;
}

TEST(RunCommandRanks, WhatWasMeasuredIsConcludedAlthoughTheRanksFailed) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "instrumented loops are slowed unevenly, and the physical gate refuses them";
#endif
  const fs::path folder = fs::path(testing::TempDir()) / "limen_failed_ranks_test";
  fs::remove_all(folder);
  fs::create_directories(folder);
  std::ofstream(folder / "mpirun") << "#!/bin/sh\nexit 5\n";
  fs::permissions(folder / "mpirun", fs::perms::owner_all);
  const std::string path = std::getenv("PATH");
  setenv("PATH", (folder.string() + ":" + path).c_str(), 1);
  const auto r = run_limen({"run", "--quick", "--budget", "1s", "-o", (folder / "run").string()});
  setenv("PATH", path.c_str(), 1);
  if (r.err.find("MPI: skipped") != std::string::npos) {
    fs::remove_all(folder);
    GTEST_SKIP() << "no ranks here";
  }
  EXPECT_EQ(r.code, 1) << r.err;
  EXPECT_THAT(r.err, HasSubstr("was not done: it ended with code 5"));
  EXPECT_THAT(r.out, HasSubstr("memory.bandwidth"));
  for (const char* file : {"machine.toml", "report.html"})
    EXPECT_TRUE(fs::exists(folder / "run" / file)) << file;
  std::ifstream in(folder / "run" / "run.json");
  EXPECT_NE(json::parse(in)["provenance"]["finished"], "");
  fs::remove_all(folder);
}

TEST(RunCommandInput, BadInputIsRefusedBeforeAnythingIsMeasured) {
  for (const auto& bad : std::vector<std::vector<std::string>>{{"--budget", "0s"},
                                                               {"--budget", "nan"},
                                                               {"--budget", "5"},
                                                               {"--threads", "-1"},
                                                               {"--seed", "x"},
                                                               {"-o", "/proc/no/such"},
                                                               {"extra"}}) {
    std::vector<std::string> arguments = {"run", "--quick"};
    arguments.insert(arguments.end(), bad.begin(), bad.end());
    const auto r = run_limen(arguments, testing::TempDir());
    EXPECT_EQ(r.code, 2) << bad[0] << r.err;
    EXPECT_EQ(r.lines_of_error(), 1) << r.err;
  }
}

}  // namespace
}  // namespace limen::tests
