// Facts about made-up hosts: folders with the few files that the reader looks at.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <gmock/gmock.h>

#include "probes/host.hpp"

namespace limen::probes {
namespace {

namespace fs = std::filesystem;

class Host : public testing::Test {
 protected:
  void TearDown() override { fs::remove_all(root_); }
  void file(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  fs::path root_ = fs::temp_directory_path() / ("limen_host_" + std::to_string(getpid()));
};

TEST_F(Host, ReadsTheTightestLimitsOfVersion2) {
  file("proc/self/cgroup", "0::/a/b\n");
  file("sys/fs/cgroup/a/memory.max", "1000000\n");
  file("sys/fs/cgroup/a/memory.current", "400000\n");
  file("sys/fs/cgroup/a/b/memory.max", "max\n");
  file("sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
  file("sys/fs/cgroup/a/cpu.max", "max 100000\n");
  file("proc/meminfo", "MemTotal:  8000 kB\nMemAvailable:    4000 kB\n");
  const auto limits = cgroup_limits(root_);
  EXPECT_EQ(limits.memory, 1000000u);
  EXPECT_DOUBLE_EQ(limits.cpus, 1.5);
  EXPECT_EQ(free_memory(root_), 600000u);
}

TEST_F(Host, ReadsVersion1AndTakesItsHugeNumberForNoLimit) {
  file("proc/self/cgroup", "4:memory:/job\n2:cpu,cpuacct:/job\n");
  file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  file("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "2000000\n");
  file("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "0\n");
  file("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
  file("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  const auto limits = cgroup_limits(root_);
  EXPECT_EQ(limits.memory, 2000000u);
  EXPECT_EQ(limits.cpus, 0);
}

// The variables of a Slurm job, and nothing of a job that this test itself runs in.
class SlurmVariables {
 public:
  explicit SlurmVariables(const std::map<std::string, std::string>& variables) {
    for (const char* name :
         {"SLURMD_NODENAME", "SLURM_CPUS_ON_NODE", "SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU"}) {
      if (const char* value = std::getenv(name)) before_[name] = value;
      unsetenv(name);
    }
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
  }
  ~SlurmVariables() {
    for (const char* name :
         {"SLURMD_NODENAME", "SLURM_CPUS_ON_NODE", "SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU"})
      unsetenv(name);
    for (const auto& [name, value] : before_) setenv(name.c_str(), value.c_str(), 1);
  }

 private:
  std::map<std::string, std::string> before_;
};

TEST_F(Host, KeepsToWhatSlurmGaveEvenIfItDoesNotConfine) {
  file("proc/self/cgroup", "0::/a\n");
  file("sys/fs/cgroup/a/cpu.max", "300000 100000\n");
  file("proc/meminfo", "MemAvailable: 4000000 kB\n");
  {
    const SlurmVariables job(
        {{"SLURMD_NODENAME", "n1"}, {"SLURM_CPUS_ON_NODE", "2"}, {"SLURM_MEM_PER_CPU", "500"}});
    EXPECT_DOUBLE_EQ(host_limits(root_).cpus, 2);
    EXPECT_EQ(host_limits(root_).memory, 1000u << 20);
    EXPECT_EQ(free_memory(root_), 1000u << 20);
    EXPECT_DOUBLE_EQ(describe(1, root_).cpu_limit, 2);
    EXPECT_EQ(describe(1, root_).memory_limit_bytes, std::int64_t{1000} << 20);
  }
  {
    const SlurmVariables all_memory(
        {{"SLURMD_NODENAME", "n1"}, {"SLURM_CPUS_ON_NODE", "8"}, {"SLURM_MEM_PER_NODE", "0"}});
    EXPECT_DOUBLE_EQ(host_limits(root_).cpus, 3) << "the control group is tighter";
    EXPECT_EQ(host_limits(root_).memory, 0u);
  }
  {
    const SlurmVariables node({{"SLURMD_NODENAME", "n1"}, {"SLURM_MEM_PER_NODE", "256"}});
    EXPECT_EQ(host_limits(root_).memory, 256u << 20);
    EXPECT_DOUBLE_EQ(host_limits(root_).cpus, 3);
  }
  for (const char* odd : {"", "x", "-4", "nan", "inf", "1e999"}) {
    const SlurmVariables job(
        {{"SLURMD_NODENAME", "n1"}, {"SLURM_CPUS_ON_NODE", odd}, {"SLURM_MEM_PER_NODE", odd}});
    EXPECT_DOUBLE_EQ(host_limits(root_).cpus, 3) << odd;
    EXPECT_EQ(host_limits(root_).memory, 0u) << odd;
  }
  const SlurmVariables elsewhere({{"SLURM_CPUS_ON_NODE", "1"}, {"SLURM_MEM_PER_NODE", "1"}});
  EXPECT_DOUBLE_EQ(host_limits(root_).cpus, 3);
}

TEST(Unfit, NamesWhatSpeaksAgainstMeasuringHere) {
  using testing::HasSubstr;
  results::Provenance p;
  EXPECT_EQ(unfit(p, 2), "");
  p.load_before = 1;
  p.governor = "performance";
  p.cpu_limit = 2;
  EXPECT_EQ(unfit(p, 2), "");
  p.governor = "powersave";
  EXPECT_THAT(unfit(p, 2), HasSubstr("'powersave'"));
  p.cpu_limit = 1.5;
  EXPECT_THAT(unfit(p, 2), HasSubstr("1.50 CPUs of 2"));
  p.load_before = 1.01;
  EXPECT_THAT(unfit(p, 2), HasSubstr("load is 1.01 on 2"));
}

TEST_F(Host, AddsUpTheWaitsOfAllThreads) {
  file("proc/self/task/7/schedstat", "5000000000 250000000 12\n");
  file("proc/self/task/8/schedstat", "1 750000000 3\n");
  file("proc/self/task/9/schedstat", "");
  EXPECT_DOUBLE_EQ(waiting_seconds(root_), 1);
  EXPECT_EQ(waiting_seconds(root_ / "nowhere"), 0);
}

TEST_F(Host, DescribesWhatItFindsAndLeavesTheRestEmpty) {
  file("proc/cpuinfo",
       "processor : 0\nmodel name\t: Some CPU @ 2 GHz\nmicrocode\t: 0x1\nflags\t\t: fpu hypervisor "
       "sse\n");
  file("proc/meminfo", "MemTotal:        2048 kB\n");
  file("proc/stat", "cpu  1 2 3 4 5 6 7 250 0 0\n");
  file("proc/loadavg", "1.50 1.00 0.50 1/100 999\n");
  file("etc/os-release", "NAME=\"x\"\nPRETTY_NAME=\"Some Linux 1\"\n");
  file("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
  file("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
  const auto p = describe(42, root_);
  EXPECT_EQ(p.cpu_model, "Some CPU @ 2 GHz");
  EXPECT_EQ(p.os, "Some Linux 1");
  EXPECT_EQ(p.transparent_huge_pages, "madvise");
  EXPECT_EQ(p.turbo, "off");
  EXPECT_EQ(p.hypervisor, "yes");
  EXPECT_EQ(p.governor, "");
  EXPECT_EQ(p.memory_bytes, 2048 * 1024);
  EXPECT_EQ(p.seed, 42u);
  EXPECT_DOUBLE_EQ(p.load_before, 1.5);
  EXPECT_DOUBLE_EQ(p.steal_seconds_before, 250.0 / static_cast<double>(sysconf(_SC_CLK_TCK)));
  EXPECT_THAT(p.started, testing::MatchesRegex("....-..-..T..:..:..Z"));
  EXPECT_FALSE(p.version.empty());
}

TEST_F(Host, SurvivesAnEmptySystem) {
  const auto p = describe(1, root_);
  EXPECT_EQ(p.cpu_model, "");
  EXPECT_EQ(steal_seconds(root_), 0);
  EXPECT_EQ(cgroup_limits(root_).memory, 0u);
}

TEST_F(Host, HashesAsFnv1a) {
  file("x", "foobar");
  EXPECT_EQ(fnv1a(root_ / "x"), "85944171f73967e8");  // from the algorithm's published test vectors
  EXPECT_EQ(fnv1a(root_ / "absent"), "");
}

}  // namespace
}  // namespace limen::probes
