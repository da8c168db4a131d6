// The GPU bench on devices that fail by script: what is left out, what is skipped, what is invalid.
#include <gmock/gmock.h>

#include "kernels/cuda/host_backend.hpp"
#include "probes/gpu_bench.hpp"
#include "probes/registry.hpp"
#include "results/gpu_gate.hpp"

namespace limen::probes {
namespace {

using gpu::HostBackend;
using gpu::HostOptions;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

HostOptions devices(int n) {
  HostOptions o;
  o.devices = n;
  o.properties.multiprocessors = 2;
  o.properties.cooperative = true;
  o.properties.second_cache = 1 << 20;
  o.memory = 64 << 20;
  return o;
}

struct Opened {
  std::string why;
  std::unique_ptr<GpuBench> bench;
  explicit Opened(HostOptions options)
      : bench(GpuBench::open({true, 1, 0.5}, why, std::make_unique<HostBackend>(options))) {}
};

results::Outcome outcome_of(Case c) {
  if (auto outcome = c.prepare()) return *outcome;
  if (c.timed(2) <= 0) return results::Invalid{"no time"};
  if (auto wrong = c.check(); !wrong.empty()) return results::Invalid{wrong};
  return results::Samples{};
}

TEST(GpuBench, OpensEveryDevice) {
  const Opened o(devices(3));
  ASSERT_TRUE(o.bench) << o.why;
  EXPECT_THAT(o.bench->devices(), SizeIs(3));
  EXPECT_THAT(o.bench->left_out(), IsEmpty());
}

TEST(GpuBench, NoDriverStubOrDeviceIsAReasonAndNoError) {
  for (const int code : {34, 35, 100}) {
    auto options = devices(1);
    options.failures[{"devices", 1}] = code;
    const Opened o(options);
    EXPECT_FALSE(o.bench);
    EXPECT_THAT(o.why, HasSubstr(std::to_string(code)));
    EXPECT_EQ(o.why.find('\n'), std::string::npos);
  }
  EXPECT_FALSE(Opened(devices(0)).bench);
  EXPECT_EQ(Opened(devices(0)).why, "CUDA counts no device");
}

TEST(GpuBench, ABrokenDeviceIsLeftOutAndNamed) {
  for (const char* call : {"properties", "create_stream", "allocate", "copy", "launch",
                           "synchronize", "free_memory"}) {
    auto options = devices(4);
    options.failures[{call, 1}] = 719;
    const Opened o(options);
    ASSERT_TRUE(o.bench) << call;
    EXPECT_THAT(o.bench->devices(), SizeIs(3)) << call;
    ASSERT_THAT(o.bench->left_out(), SizeIs(1));
    EXPECT_THAT(o.bench->left_out()[0], HasSubstr("GPU 0"));
  }
}

TEST(GpuBench, ADeviceWithoutCodeSaysHowToBuildForIt) {
  auto options = devices(1);
  options.failures[{"launch", 1}] = 209;
  const Opened o(options);
  EXPECT_FALSE(o.bench);
  EXPECT_THAT(o.why, HasSubstr("LIMEN_CUDA_ARCHITECTURES=native"));
}

TEST(GpuBench, TakesLessMemoryWhenThereIsLess) {
  auto options = devices(1);
  options.failures[{"allocate", 2}] = 2;  // the first is the trial's
  const Opened o(options);
  ASSERT_TRUE(o.bench) << o.why;
  EXPECT_EQ(o.bench->data(0).bytes(), std::size_t{8} << 20);  // half of a quarter of 64 MiB
  EXPECT_EQ(o.bench->room(0), std::size_t{8} << 20);
}

TEST(GpuBench, OutOfMemoryIsSkippedAndOtherFailuresAreInvalid) {
  for (const auto& [code, skipped] : {std::pair{2, true}, {801, true}, {719, false}}) {
    const Opened o(devices(1));
    GpuCase c;
    c.prepare = [which = code] { throw gpu::DeviceError("made up", which); };
    const auto outcome = outcome_of(gpu_case(*o.bench, c));
    EXPECT_EQ(std::holds_alternative<results::Skipped>(outcome), skipped);
    EXPECT_EQ(std::holds_alternative<results::Invalid>(outcome), !skipped);
  }
}

TEST(GpuBench, AFailureWhileTimingIsInvalid) {
  const Opened o(devices(1));
  int n = 0;
  GpuCase c;
  c.send = [&n](std::int64_t) {
    if (++n == 2) throw gpu::DeviceError("lost", 719);
  };
  const auto outcome = outcome_of(gpu_case(*o.bench, c));
  EXPECT_THAT(std::get<results::Invalid>(outcome).reason, HasSubstr("lost"));
}

TEST(GpuBench, AWrongKernelIsInvalidAndNeverTimed) {
  const Opened o(devices(1));
  bool timed = false;
  GpuCase c;
  c.verify = [] { return std::string("row 3 is 1, not 2"); };
  c.send = [&timed](std::int64_t) { timed = true; };
  const auto outcome = outcome_of(gpu_case(*o.bench, c));
  EXPECT_THAT(std::get<results::Invalid>(outcome).reason, HasSubstr("row 3"));
  EXPECT_FALSE(timed);
}

// The cases themselves, timed and checked: the cheap ones of each probe.
TEST(GpuProbes, RunOnTheHost) {
  auto options = devices(2);
  options.memory = 8 << 20;
  const Opened o(options);
  ASSERT_TRUE(o.bench) << o.why;
  for (const auto* probe : {&gpu_launch, &gpu_barrier, &gpu_pingpong, &gpu_copy, &gpu_peer}) {
    auto cases = probe->gpu_cases(*o.bench);
    ASSERT_FALSE(cases.empty()) << probe->name;
    const auto outcome = outcome_of(cases.front());
    const auto* invalid = std::get_if<results::Invalid>(&outcome);
    EXPECT_EQ(invalid, nullptr) << probe->name << ": " << invalid->reason;
    EXPECT_TRUE(cases.front().marks() & results::emulated);
  }
  for (const auto* probe : {&gpu_gemm, &gpu_nccl, &gpu_energy}) {  // need what is not here
    auto cases = probe->gpu_cases(*o.bench);
    EXPECT_TRUE(std::holds_alternative<results::Skipped>(outcome_of(cases.front()))) << probe->name;
  }
}

TEST(GpuGate, RefusesWhatTheMemoryCannotDeliver) {
  const auto made = [](const char* probe, results::Parameters p, double seconds) {
    results::Samples s;
    s.visits.push_back({0, 1, std::vector<double>(8, seconds), {}});
    return results::Measurement{
        probe, p, {model::bytes(1e9), model::bytes(0.0), model::flops(0.0)}, s};
  };
  const results::Parameters large = {{"bytes", std::int64_t{1'000'000'000}}},
                            small = {{"bytes", std::int64_t{1'000'000}}},
                            cold = {{"residence", std::string("cold")}},
                            cached = {{"residence", std::string("cached")}};
  const std::vector<results::Measurement> all = {
      made("gpu.stream", large, 1e9 / 3.3e12), made("gpu.stream", large, 1e9 / 3.6e12),
      made("gpu.stream", small, 1e9 / 9e12), made("gpu.gemv", cold, 1e9 / 4e12),
      made("gpu.gemv", cached, 1e9 / 4e12)};
  std::vector<std::size_t> refused;
  for (const auto& r : results::gpu_gate(all, {3.35e12, 50e6})) refused.push_back(r.index);
  EXPECT_THAT(refused, testing::ElementsAre(1, 3));
  EXPECT_THAT(results::gpu_gate(all, {0, 50e6}), IsEmpty());
}

}  // namespace
}  // namespace limen::probes
