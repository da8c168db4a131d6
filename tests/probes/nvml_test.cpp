// What the driver's management library tells, and what becomes of a run when it does not: with a
// library that says what a test tells it to.
#include <cstdlib>

#include <gmock/gmock.h>

#include "kernels/cuda/host_backend.hpp"
#include "probes/gpu_bench.hpp"
#include "probes/interference.hpp"
#include "probes/registry.hpp"
#include "probes/run_gpu.hpp"
#include "probes/schedule.hpp"
#include "results/store.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::probes {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string pci = "0000:10:00.0";

class NvmlTest : public testing::Test {
 protected:
  ~NvmlTest() override {
    for (const auto& name : set_) unsetenv(name.c_str());
  }
  void says(const std::string& what, const std::string& value) {
    set_.push_back("FAKE_NVML_" + what);
    setenv(set_.back().c_str(), value.c_str(), 1);
  }
  std::unique_ptr<GpuBench> bench(const char* library = FAKE_NVML) const {
    gpu::HostOptions options;
    options.properties.multiprocessors = 2;
    options.memory = 16 << 20;
    std::string why;
    auto made =
        GpuBench::open({true, 1, 0.5, library}, why, std::make_unique<gpu::HostBackend>(options));
    EXPECT_TRUE(made) << why;
    return made;
  }
  static GpuCase launches(GpuBench& b) {
    GpuCase c;
    c.send = [&d = b.devices()[0],
              count = std::make_shared<gpu::Memory<gpu::U32>>(b.devices()[0], 1)](std::int64_t) {
      const auto& kernel = d.kernels().nothing;
      d.launch(kernel, {{1}, kernel.threads}, count->data());
    };
    return c;
  }
  // Marks of one visit; the emulation's own is taken off.
  static std::uint32_t marks_of(GpuBench& b, const GpuCase& what, int samples = 1) {
    const Case c = gpu_case(b, what);
    c.warm();
    for (int i = 0; i < samples; ++i) c.timed(2);
    return c.marks() & ~results::emulated;
  }

 private:
  std::vector<std::string> set_;
};

TEST_F(NvmlTest, WithoutTheLibraryNothingIsKnown) {
  const Nvml none("libthere-is-none.so");
  EXPECT_FALSE(none.there());
  EXPECT_EQ(none.driver() + none.describe(pci), "");
  EXPECT_FALSE(none.joules(pci));
  Disturbance d(none, pci);
  d.begin();
  d.look();
  EXPECT_EQ(d.end(), 0u);
}

TEST_F(NvmlTest, ALibraryThatDoesNotStartIsNone) {
  says("FAIL", "nvmlInit_v2=9");
  EXPECT_FALSE(Nvml(FAKE_NVML).there());
}

TEST_F(NvmlTest, ProvenanceNamesDriverSettingsAndState) {
  says("REASONS", "6");
  says("PROCESSES", "3");
  says("CAP_MW", "350000");
  const auto b = bench();
  results::Provenance p;
  describe_gpus(*b, p);
  EXPECT_THAT(p.gpu_driver, HasSubstr("NVIDIA driver 599.99.01"));
  ASSERT_EQ(p.gpus.size(), 1u);
  for (const char* fact :
       {"ECC on", "MIG off", "power cap 350 W", "SM clock 1980 MHz", "memory clock 2619 MHz",
        "45 C", "slowed by a clock setting and power cap", "3 compute processes"})
    EXPECT_THAT(p.gpus[0], HasSubstr(fact));
}

TEST_F(NvmlTest, WhatFailsIsLeftOutAndTheRestIsTold) {
  says("FAIL", "nvmlDeviceGetClockInfo=15,nvmlDeviceGetEccMode=3,nvmlSystemGetDriverVersion=999");
  const Nvml nvml(FAKE_NVML);
  EXPECT_EQ(nvml.driver(), "");
  EXPECT_THAT(nvml.describe(pci),
              AllOf(HasSubstr("45 C"), Not(HasSubstr("clock")), Not(HasSubstr("ECC"))));
  says("FAIL", "nvmlDeviceGetHandleByPciBusId_v2=6");
  EXPECT_EQ(nvml.describe(pci), "");
  EXPECT_FALSE(nvml.joules(pci));
}

TEST_F(NvmlTest, AnOldDriverLacksSomeFunctions) {
  says("REASONS", "40");
  const auto b = bench(FAKE_NVML_OLD);
  EXPECT_FALSE(b->nvml().joules(pci));
  EXPECT_THAT(b->nvml().describe(pci),
              AllOf(HasSubstr("ECC on"), Not(HasSubstr("MIG")), HasSubstr("temperature")));
  EXPECT_EQ(marks_of(*b, launches(*b)), results::throttled);
  auto cases = gpu_energy.gpu_cases(*b);
  const auto outcome = cases[0].prepare();
  ASSERT_TRUE(outcome);
  EXPECT_THAT(std::get<results::Skipped>(*outcome).reason, HasSubstr("counts no energy"));
}

TEST_F(NvmlTest, AQuietDeviceHasNoMarks) {
  says("REASONS", "3");  // idle, and clocks that somebody set
  says("LOST", "70");
  const auto b = bench();
  EXPECT_EQ(marks_of(*b, launches(*b)), 0u);
}

TEST_F(NvmlTest, ThrottlingIsSeenThatIsOverWhenTheVisitEnds) {
  for (const char* reason : {"0x4", "0x8", "0x20", "0x40", "0x80"}) {
    says("REASONS", std::string(reason) + ",0");  // while the device works; after
    const auto b = bench();
    EXPECT_EQ(marks_of(*b, launches(*b)), results::throttled) << reason;
  }
  says("REASONS", "0x40,0,0");
  const auto b = bench();
  GpuCase timed_by_itself = launches(*b);
  timed_by_itself.seconds = [](std::int64_t) { return 1e-3; };
  EXPECT_EQ(marks_of(*b, timed_by_itself), results::throttled);
  says("REASONS", "0,0x40");  // after
  EXPECT_EQ(marks_of(*b, launches(*b)), results::throttled);
}

TEST_F(NvmlTest, TimeLostBetweenTwoLooksIsSeenToo) {
  says("LOST", "70,75");
  const auto b = bench();
  EXPECT_EQ(marks_of(*b, launches(*b)), results::throttled);
  says("LOST", "75");  // nothing more is lost in the next visit
  EXPECT_EQ(marks_of(*b, launches(*b)), 0u);
}

TEST_F(NvmlTest, OneLookServesManyShortSamples) {
  says("REASONS", "0,0,0,0,0,0,0,0,0x40");
  const auto b = bench();
  Disturbance d(b->nvml(), pci);
  d.begin();
  for (int i = 0; i < 100; ++i) d.look();  // within some milliseconds, in all but the worst case
  d.end();
  EXPECT_EQ(marks_of(*b, launches(*b)), 0u);
}

TEST_F(NvmlTest, OtherProcessesAreMarkedAndOursIsNot) {
  const auto b = bench();
  for (const auto& [count, mark] :
       {std::pair{"0", 0u}, {"1", 0u}, {"2", +results::shared_device}}) {
    says("PROCESSES", count);
    EXPECT_EQ(marks_of(*b, launches(*b)), mark) << count;
  }
  says("FAIL", "nvmlDeviceGetComputeRunningProcesses_v3=4");
  EXPECT_EQ(marks_of(*b, launches(*b)), 0u);
}

TEST_F(NvmlTest, ADeviceThatIsCutUpHasNoEnergyOfItsOwn) {
  says("MIG", "1");
  const Nvml nvml(FAKE_NVML);
  EXPECT_THAT(nvml.describe(pci), HasSubstr("MIG on"));
  EXPECT_FALSE(nvml.joules(pci));
}

// Through the loop of a run, as it is written down.
class Energy : public NvmlTest {
 protected:
  results::Visit visit(GpuBench& b) {
    GpuCase c;
    c.energy = true;
    c.least_seconds = 0.02;
    c.seconds = [](std::int64_t inner) {
      const double seconds = 1e-3 * static_cast<double>(inner);
      const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
      while (std::chrono::steady_clock::now() < until) continue;
      return seconds;
    };
    const tests::Folder folder;
    auto writer = results::RunWriter::create(folder / "r", {});
    kernels::Team team(1);
    Interference interference(64, team);
    std::vector<Task> tasks;
    tasks.push_back({&gpu_energy, gpu_case(b, c)});
    run_schedule(tasks, {{0.5, 1, 1, 0.2}, 1.0, 2e-4, 1, [] { return false; }, {}}, interference,
                 writer);
    writer.finish({});
    const auto run = results::load_run(folder / "r");
    return std::get<results::Samples>(run.measurements.at(0).outcome).visits.at(0);
  }
};

TEST_F(Energy, IsThatOfTheVisit) {
  says("WATTS", "300");
  const auto b = bench();
  const auto v = visit(*b);
  double seconds = 0;
  for (const double s : v.seconds) seconds += s * static_cast<double>(v.inner);
  EXPECT_GT(v.joules, 300 * seconds * 0.99);
}

TEST_F(Energy, ThatCannotBeReadAtOneEndIsNotThere) {
  says("WATTS", "300");
  const auto b = bench();
  says("FAIL", "nvmlDeviceGetTotalEnergyConsumption=15");
  EXPECT_EQ(visit(*b).joules, 0);
}

}  // namespace
}  // namespace limen::probes
