// Whole jobs: the launcher half starts ranks of the driver, which measure, fail, hang, are killed
// or interrupted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "model/error.hpp"
#include "probes/mpi_cases.hpp"
#include "probes/mpi_cores.hpp"
#include "probes/mpi_job.hpp"
#include "probes/mpi_names.hpp"
#include "probes/mpi_probes.hpp"
#include "results/store.hpp"
#include "tests/mpi/make_run.hpp"

namespace limen::probes {
namespace {

using testing::HasSubstr;

std::vector<MpiCase> quick_cases() { return mpi_cases({whole_world({{0, 0}, {0, 0}})}, true); }

class MpiJob : public testing::Test {
 protected:
  void SetUp() override {
    if (count_cores(allowed_cpus()) < 2) GTEST_SKIP() << "one core only";
    if (find_program({"mpirun"}).empty()) GTEST_SKIP() << "no mpirun";
    plan_.quick = true;
    plan_.names = {"mpi"};
    plan_.seconds = 0.3;
    plan_.max_ranks = 2;
    plan_.self = LIMEN_MPI_DRIVER;
    plan_.timeout = 20;
  }
  void TearDown() override {
    unsetenv("TEST_MPI_FAULT");
    unsetenv("TEST_MPI_GPUS");
  }

  // What the error says; empty if there was none.
  std::string failure() {
    try {
      std::string note;
      run_mpi_probes(plan_, run_.path(), note);
    } catch (const Error& e) {
      return e.what();
    }
    return {};
  }

  // The launcher half in a process of its own, so that it can get signals.
  pid_t start_launcher(const char* seconds) {
    const pid_t child = fork();
    if (child == 0) {
      const int null = open("/dev/null", O_WRONLY);
      dup2(null, STDOUT_FILENO);
      dup2(null, STDERR_FILENO);
      execl(LIMEN_MPI_DRIVER, LIMEN_MPI_DRIVER, "run", run_.path().c_str(), seconds, nullptr);
      _exit(127);
    }
    return child;
  }

  std::size_t lines() const {
    std::ifstream in(run_.path() / "samples.jsonl");
    std::size_t n = 0;
    for (std::string line; std::getline(in, line);) ++n;
    return n;
  }

  void wait_for_lines(std::size_t n) const {
    for (int i = 0; i < 1000 && lines() < n; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_GE(lines(), n);
  }

  TemporaryRun run_;
  MpiPlan plan_;
};

TEST_F(MpiJob, EveryCaseHasSamplesAndAVerdict) {
  std::string note;
  ASSERT_EQ(run_mpi_probes(plan_, run_.path(), note), MpiStatus::ran) << note;
  const results::Run run = results::load_run(run_.path());
  EXPECT_TRUE(run.warnings.empty());
  std::set<std::pair<std::string, results::Parameters>> cases;
  for (const results::Measurement& m : run.measurements) {
    cases.insert({m.probe, m.parameters});
    const auto* samples = std::get_if<results::Samples>(&m.outcome);
    ASSERT_NE(samples, nullptr) << m.probe;
    ASSERT_FALSE(samples->visits.empty()) << m.probe;
    EXPECT_FALSE(samples->visits[0].seconds.empty());
    EXPECT_TRUE(samples->stop == "settled" || samples->stop == "time budget") << samples->stop;
  }
  std::size_t expected = 0;
  for (const MpiCase& c : quick_cases()) {
    EXPECT_EQ(cases.count({c.probe, c.parameters()}), 1u) << c.probe << c.bytes;
    EXPECT_EQ(cases.count({c.probe, c.between_barriers()}), c.has_barrier_method() ? 1u : 0u);
    expected += c.has_barrier_method() ? 2 : 1;
  }
  EXPECT_EQ(run.measurements.size(), expected);

  const auto facts = read_mpi_facts(run_.path());
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->launcher, "mpirun");
  EXPECT_EQ(facts->ranks, 2);
  EXPECT_EQ(facts->hosts, 1);
  EXPECT_FALSE(facts->library.empty());
}

TEST_F(MpiJob, AMissingMpirunIsSkippedWithAReason) {
  plan_.names.clear();
  plan_.mpirun = "/nowhere/mpirun";
  std::string note;
  EXPECT_EQ(run_mpi_probes(plan_, run_.path(), note), MpiStatus::skipped);
  EXPECT_THAT(note, HasSubstr("/nowhere/mpirun"));
  const results::Run run = results::load_run(run_.path());
  ASSERT_EQ(run.measurements.size(), std::size(mpi_probe_names) + std::size(device_probe_names));
  EXPECT_NE(std::get_if<results::Skipped>(&run.measurements[0].outcome), nullptr);
}

TEST_F(MpiJob, OnlyTheProbesThatWereNamed) {
  plan_.names = {"mpi.barrier", "mpi.exchange"};
  std::string note;
  ASSERT_EQ(run_mpi_probes(plan_, run_.path(), note), MpiStatus::ran) << note;
  std::set<std::string> probes;
  for (const auto& m : results::load_run(run_.path()).measurements) probes.insert(m.probe);
  EXPECT_THAT(probes, testing::ElementsAre("mpi.barrier", "mpi.exchange"));
}

// Those of the host back end, whose memory MPI takes.
TEST_F(MpiJob, BetweenDevicesOfRanks) {
  setenv("TEST_MPI_GPUS", "2", 1);
  plan_.names = {"device.alltoall", "device.pingpong"};
  plan_.verify_only = true;
  std::string note;
  ASSERT_EQ(run_mpi_probes(plan_, run_.path(), note), MpiStatus::ran) << note;
  std::map<std::string, int> verified, skipped;
  for (const auto& m : results::load_run(run_.path()).measurements) {
    EXPECT_EQ(std::get<std::string>(m.parameters.at("memory")), "device");
    const auto by = std::get<std::string>(m.parameters.at("by"));
    ASSERT_FALSE(std::holds_alternative<results::Invalid>(m.outcome)) << by;
    ++(std::holds_alternative<results::Samples>(m.outcome) ? verified : skipped)[by];
  }
  EXPECT_THAT(verified, testing::ElementsAre(testing::Pair("MPI", 6)));
  EXPECT_THAT(skipped, testing::ElementsAre(testing::Pair("NCCL", 6)));
}

TEST_F(MpiJob, SamplesOfMadeUpDevicesAreMarked) {
  setenv("TEST_MPI_GPUS", "2", 1);
  plan_.names = {"device.broadcast"};
  std::string note;
  ASSERT_EQ(run_mpi_probes(plan_, run_.path(), note), MpiStatus::ran) << note;
  const auto run = results::load_run(run_.path());
  ASSERT_EQ(run.measurements.size(), 3u);
  for (const auto& m : run.measurements)
    for (const auto& visit : std::get<results::Samples>(m.outcome).visits)
      for (const auto mark : visit.marks) EXPECT_TRUE(mark & results::emulated);
}

TEST_F(MpiJob, WithoutTwoDevicesThereIsAReason) {
  plan_.names = {"device"};
  for (const char* count : {"", "1"}) {
    if (*count != '\0') setenv("TEST_MPI_GPUS", count, 1);
    const TemporaryRun run;
    std::string note;
    ASSERT_EQ(run_mpi_probes(plan_, run.path(), note), MpiStatus::ran) << note;
    const auto loaded = results::load_run(run.path());
    ASSERT_EQ(loaded.measurements.size(), std::size(device_probe_names));
    EXPECT_THAT(std::get<results::Skipped>(loaded.measurements[0].outcome).reason,
                HasSubstr(*count == '\0' ? "TEST_MPI_GPUS is not set" : "one GPU for all ranks"));
  }
}

TEST_F(MpiJob, VerifyingTimesNothing) {
  plan_.verify_only = true;
  std::string note;
  ASSERT_EQ(run_mpi_probes(plan_, run_.path(), note), MpiStatus::ran) << note;
  const results::Run run = results::load_run(run_.path());
  EXPECT_EQ(run.measurements.size(), quick_cases().size());
  for (const auto& m : run.measurements) {
    const auto& samples = std::get<results::Samples>(m.outcome);
    EXPECT_EQ(samples.stop, "verified");
    EXPECT_TRUE(samples.visits.empty());
  }
}

TEST_F(MpiJob, AFailingRankEndsTheJobWithAnErrorThatNamesTheCommand) {
  std::filesystem::remove(run_.path() /
                          "samples.jsonl");  // rank 0 cannot append; rank 1 waits for it
  EXPECT_THAT(failure(), HasSubstr("--mpi-rank --into"));
}

TEST_F(MpiJob, AKilledRankDoesNotHangTheOthers) {
  setenv("TEST_MPI_FAULT", "kill", 1);
  plan_.seconds = 15;
  EXPECT_THAT(failure(), HasSubstr("a rank was ended by signal 9"));
}

TEST_F(MpiJob, AHangingRankIsKilledAtTheTimeOut) {
  setenv("TEST_MPI_FAULT", "stop", 1);
  plan_.seconds = 15;
  plan_.timeout = 1.5;
  EXPECT_THAT(failure(), HasSubstr("did not end"));
}

TEST_F(MpiJob, ATerminatedLauncherWritesItsVerdicts) {
  const pid_t child = start_launcher("15");
  wait_for_lines(5);
  kill(child, SIGTERM);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 10 + static_cast<int>(MpiStatus::interrupted));
  const results::Run run = results::load_run(run_.path());
  EXPECT_GE(run.measurements.size(), quick_cases().size());
  bool interrupted = false;
  for (const results::Measurement& m : run.measurements) {
    const auto* samples = std::get_if<results::Samples>(&m.outcome);
    interrupted = interrupted || (samples != nullptr && samples->stop == "interrupted");
  }
  EXPECT_TRUE(interrupted);
}

// As srun without PMIx starts two ranks, and as the launcher of another MPI library would.
TEST_F(MpiJob, SingletonsLeaveWithTheCodeOfAnUnfitEnvironment) {
  const std::vector<std::string> rank{LIMEN_MPI_DRIVER, "probe", "--mpi-rank", "--into",
                                      run_.path().string()};
  const std::vector<std::string> path{std::string("PATH=") + std::getenv("PATH"), "HOME=/tmp"};
  for (const char* number : {"0", "1"}) {
    auto environment = path;
    environment.push_back("SLURM_STEP_NUM_TASKS=2");
    environment.push_back(std::string("SLURM_PROCID=") + number);
    EXPECT_EQ(run_job(rank, environment, 20).code, static_cast<int>(Exit::unfit));
    environment = path;
    environment.push_back("PMI_SIZE=2");
    environment.push_back(std::string("PMI_RANK=") + number);
    EXPECT_EQ(run_job(rank, environment, 20).code, static_cast<int>(Exit::unfit));
  }
  EXPECT_EQ(lines(), 0u);
}

TEST_F(MpiJob, KilledRanksLoseOneLineAtMost) {
  setenv("TEST_MPI_FAULT", "kill", 1);
  plan_.seconds = 15;
  EXPECT_FALSE(failure().empty());
  const std::size_t written = lines();
  const results::Run run = results::load_run(run_.path());
  std::size_t visits = 0;
  for (const results::Measurement& m : run.measurements) {
    if (const auto* samples = std::get_if<results::Samples>(&m.outcome))
      visits += samples->visits.size();
  }
  EXPECT_GE(visits + 1, written);
}

}  // namespace
}  // namespace limen::probes
