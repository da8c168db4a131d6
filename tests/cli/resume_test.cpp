// Runs that were stopped go on: by a signal, by a kill, in the middle of the ranks; and those that
// must not are refused.
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "results/records.hpp"
#include "tests/cli/command.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::tests {
namespace {

using nlohmann::json;
using testing::HasSubstr;
namespace fs = std::filesystem;

// Starts limen, waits until its samples hold `text`, and sends the signal. The exit code, or 128
// and the signal.
int stopped(const std::vector<std::string>& arguments, const fs::path& run, const std::string& text,
            int signal) {
  const pid_t child = fork();
  if (child == 0) {
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, 1);
    dup2(nowhere, 2);
    std::vector<char*> argv{const_cast<char*>(LIMEN_EXECUTABLE)};
    for (const auto& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    execv(LIMEN_EXECUTABLE, argv.data());
    _exit(127);
  }
  for (int i = 0; i < 6000 && slurp(run / "samples.jsonl").find(text) == std::string::npos; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  kill(child, signal);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The lines of samples.jsonl from an offset on.
std::vector<results::Record> records(const std::string& text) {
  std::vector<results::Record> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line) && !in.eof();)
    all.push_back(results::read_record(line, "samples", all.size() + 1));
  return all;
}

using Name = std::pair<std::string, results::Parameters>;

// Cases that had ended in `before` and were visited in `after`.
std::set<Name> measured_again(const std::string& before, const std::string& after) {
  std::set<Name> ended, again;
  for (const auto& r : records(before)) {
    const auto* samples = std::get_if<results::Samples>(&r.about.outcome);
    if (!r.visit && samples && samples->stop != "interrupted")
      ended.insert({r.about.probe, r.about.parameters});
  }
  EXPECT_FALSE(ended.empty()) << "the test shows nothing";
  for (const auto& r : records(after)) {
    const Name name{r.about.probe, r.about.parameters};
    if (r.visit && ended.count(name) != 0) again.insert(name);
  }
  return again;
}

class Resume : public testing::TestWithParam<int> {};

TEST_P(Resume, AProbeGoesOnWhereItWasStopped) {
  const Folder folder;
  const fs::path run = folder / "run";
  const auto code = stopped({"probe", "compute", "sync", "--quick", "--budget", "2s",
                             "--case-budget", "50ms", "--seed", "7", "-o", run.string()},
                            run, "verdict", GetParam());
  EXPECT_EQ(code, GetParam() == SIGKILL ? 128 + SIGKILL : 1);
  const auto half = results::load_provenance(run);
  EXPECT_EQ(half.interrupted, GetParam() != SIGKILL);
  const std::string before = slurp(run / "samples.jsonl");
  const std::string cut = R"({"probe":"compute.fma","param)";
  if (GetParam() == SIGKILL) spill(run / "samples.jsonl", before + cut);  // in the middle of a line

  const auto on = run_limen({"probe", "--resume", run.string()});
  EXPECT_EQ(on.code, 0) << on.err;
  const std::string after = slurp(run / "samples.jsonl");
  ASSERT_EQ(after.compare(0, before.size(), before), 0) << "samples were changed";
  EXPECT_THAT(measured_again(before, after.substr(before.size())), testing::IsEmpty());
  const auto loaded = results::load_run(run);
  EXPECT_THAT(loaded.warnings, testing::IsEmpty());
  EXPECT_FALSE(loaded.provenance.interrupted);
  EXPECT_FALSE(loaded.provenance.finished.empty());
  EXPECT_EQ(loaded.provenance.resumed.size(), 1u);
  EXPECT_EQ(loaded.provenance.started, half.started);
  EXPECT_EQ(loaded.provenance.seed, 7u);
  for (const auto& m : loaded.measurements) {
    const auto* samples = std::get_if<results::Samples>(&m.outcome);
    EXPECT_TRUE(samples == nullptr || samples->stop != "interrupted") << m.probe;
    EXPECT_TRUE(m.probe == "compute.fma" || m.probe.rfind("sync.", 0) == 0) << m.probe;
  }

  // Once more: nothing is left to do.
  EXPECT_EQ(run_limen({"probe", "--resume", run.string()}).code, 0);
  EXPECT_EQ(slurp(run / "samples.jsonl"), after);
}

INSTANTIATE_TEST_SUITE_P(Signals, Resume, testing::Values(SIGTERM, SIGKILL),
                         [](const auto& s) { return s.param == SIGTERM ? "SIGTERM" : "SIGKILL"; });

TEST(ResumeRun, GoesOnInTheMiddleOfTheRanksAndConcludes) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "instrumented loops are slowed unevenly, and the physical gate refuses them";
#endif
  const Folder folder;
  const fs::path run = folder / "run";
  const auto code = stopped({"run", "--quick", "--budget", "3s", "-o", run.string()}, run,
                            "\"mpi.allreduce\"", SIGTERM);
  const std::string before = slurp(run / "samples.jsonl");
  if (before.find(R"({"ranks":2},"probe":"mpi.allreduce","verdict":{"skipped")") != std::string::npos)
    GTEST_SKIP() << "no ranks here";
  EXPECT_EQ(code, 1);
  EXPECT_TRUE(results::load_provenance(run).interrupted);
  EXPECT_FALSE(fs::exists(run / "machine.toml"));

  const auto on = run_limen({"run", "--resume", run.string()});
  EXPECT_LE(on.code, 1) << on.err;  // on a busy machine the gate may refuse a case
  const std::string after = slurp(run / "samples.jsonl");
  ASSERT_EQ(after.compare(0, before.size(), before), 0) << "samples were changed";
  EXPECT_THAT(measured_again(before, after.substr(before.size())), testing::IsEmpty());
  EXPECT_TRUE(fs::exists(run / "machine.toml"));
  EXPECT_TRUE(fs::exists(run / "report.html"));
  const auto loaded = results::load_run(run);
  EXPECT_FALSE(loaded.provenance.interrupted);
  EXPECT_GE(loaded.provenance.ranks, 2);
  std::size_t collectives = 0;
  for (const auto& m : loaded.measurements) {
    const auto* samples = std::get_if<results::Samples>(&m.outcome);
    EXPECT_TRUE(samples == nullptr || samples->stop != "interrupted") << m.probe;
    collectives += m.probe == "mpi.allreduce" && samples != nullptr;
  }
  EXPECT_GE(collectives, 20u);
}

TEST(ResumeRun, WhileAnotherMeasuresIntoItIsRefusedInOneLine) {
  const Folder folder;
  const fs::path run = folder / "run";
  std::vector<std::string> says;
  const auto both = [&](const std::vector<std::string>& first) {
    // The second comes when the first has begun, and is over long before it.
    std::thread second([&] {
      for (int i = 0; i < 6000 && !fs::exists(run / "lock"); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      const auto r = run_limen({"probe", "--resume", run.string()});
      EXPECT_EQ(r.code, 2) << r.err;
      EXPECT_EQ(r.lines_of_error(), 1) << r.err;
      says.push_back(r.err);
    });
    const auto r = run_limen(first);
    second.join();
    EXPECT_FALSE(fs::exists(run / "lock"));
    return r.code;
  };
  EXPECT_EQ(both({"probe", "compute", "--quick", "--budget", "1s", "--rel-error", "0.0001", "-o",
                  run.string()}),
            0);
  spill(run / "samples.jsonl", "");  // all is to be measured again
  EXPECT_EQ(both({"probe", "--resume", run.string()}), 0);
  EXPECT_THAT(says, testing::Each(testing::AllOf(HasSubstr("process "), HasSubstr(" on "),
                                                 HasSubstr("measures into it"))));
  EXPECT_THAT(says, testing::SizeIs(2));
}

class Refused : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(
        run_limen({"probe", "compute.fma", "--quick", "--budget", "20ms", "-o", run_.string()})
            .code,
        0);
  }
  // Changes a fact in run.json.
  template <class T>
  void pretend(const char* fact, const T& value) {
    auto file = json::parse(slurp(run_ / "run.json"));
    file["provenance"][fact] = value;
    spill(run_ / "run.json", file.dump());
  }
  void refuses(const std::string& says, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"probe", "--resume", run_.string()});
    const auto before = slurp(run_ / "samples.jsonl");
    const auto r = run_limen(more);
    EXPECT_EQ(r.code, 2) << says << r.err;
    EXPECT_THAT(r.err, HasSubstr(says));
    EXPECT_EQ(r.lines_of_error(), 1) << r.err;
    EXPECT_EQ(slurp(run_ / "samples.jsonl"), before);
  }
  const Folder folder_;
  const fs::path run_ = folder_ / "run";
};

TEST_F(Refused, ChangedOptions) {
  refuses("--seed was 1 when it began, not 3", {"--seed", "3"});
  refuses("--budget was 0.02 when it began, not 1", {"--budget", "1s"});
  refuses("begun with compute.fma", {"gemv"});
  EXPECT_EQ(run_limen({"probe", "--resume", run_.string(), "--quick", "--budget", "20ms"}).code, 0)
      << "the same options may be given again";
  const auto both = run_limen({"probe", "--resume", run_.string(), "-o", "x"});
  EXPECT_EQ(both.code, 2);
  EXPECT_EQ(both.lines_of_error(), 1);
}

TEST_F(Refused, AnotherHost) {
  pretend("host", "elsewhere");
  refuses("was begun on elsewhere");
}

TEST_F(Refused, AnotherLimen) {
  pretend("git_sha", "0123456");
  refuses("0123456");
}

TEST_F(Refused, MoreProcessorsThanThereAre) {
  pretend("processing_units", std::vector<int>(5000, 0));
  refuses("was begun on 5000 CPUs");
}

TEST_F(Refused, ARunThatDoesNotSayWhatItWasToMeasure) {
  pretend("plan", json::object());
  refuses("does not say what it was to measure");
}

TEST_F(Refused, AnotherSchema) {
  auto file = json::parse(slurp(run_ / "run.json"));
  file["schema"] = 99;
  spill(run_ / "run.json", file.dump());
  refuses("schema version 99");
}

TEST_F(Refused, NoRun) {
  fs::remove(run_ / "run.json");
  refuses("run.json: not there");
}

TEST(PerHost, EachHostHasItsOwnFolderAndGoesOn) {
  const Folder folder;
  const auto probe = [&](const char* how) {
    return run_limen({"probe", "compute.fma", "--quick", "--budget", "20ms", "--per-host", how,
                      (folder / "nodes").string()});
  };
  EXPECT_EQ(probe("-o").code, 0);
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  EXPECT_TRUE(fs::exists(folder / "nodes" / host / "run.json"));
  EXPECT_EQ(probe("-o").code, 2) << "it is there already";
  EXPECT_EQ(probe("--resume").code, 0);
  fs::remove_all(folder / "nodes");
  EXPECT_EQ(probe("--resume").code, 0) << "begins where there is none";
  EXPECT_TRUE(fs::exists(folder / "nodes" / host / "run.json"));
  EXPECT_EQ(run_limen({"probe", "compute.fma", "--per-host"}).code, 2);
}

}  // namespace
}  // namespace limen::tests
