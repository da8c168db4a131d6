// The program itself, PTX and all, on emulated GPUs: kernels are right in every order of threads,
// failures come out as one line and the right exit code, and nobody can take it for a measurement.
#include <set>

#include "results/store.hpp"
#include "tests/cuda/emulated.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

class Order : public Emulated, public testing::WithParamInterface<const char*> {};

// Every kernel of one device and of two, against its reference.
TEST_P(Order, EveryKernelIsRight) {
  const Folder folder;
  const auto run =
      run_emulated({"probe", "gpu", "--quick", "--verify", "-o", (folder / "r").string()},
                   {{"PTXEMU_ORDER", GetParam()}, {"PTXEMU_DEVICES", "2"}});
  ASSERT_EQ(run.code, 0) << run.err;
  std::set<std::string> verified;
  for (const auto& m : results::load_run(folder / "r").measurements) {
    EXPECT_FALSE(std::holds_alternative<results::Invalid>(m.outcome)) << m.probe;
    if (std::holds_alternative<results::Samples>(m.outcome)) verified.insert(m.probe);
  }
  EXPECT_THAT(verified, testing::IsSupersetOf({"gpu.stream", "gpu.latency", "gpu.gemv", "gpu.gemm",
                                               "gpu.attention", "gpu.elementwise", "gpu.fma",
                                               "gpu.launch", "gpu.barrier", "gpu.pingpong",
                                               "gpu.copy", "gpu.peer", "gpu.allreduce"}));
}

INSTANTIATE_TEST_SUITE_P(Orders, Order, testing::Values("fwd", "rev", "1", "2", "3"),
                         [](const auto& test) { return std::string(test.param); });

TEST_F(Emulated, FourDevicesReduceToo) {
  const Folder folder;
  const auto run =
      run_emulated({"probe", "gpu.allreduce", "--quick", "--verify", "-o", (folder / "r").string()},
                   {{"PTXEMU_ORDER", "7"}, {"PTXEMU_DEVICES", "4"}});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(results::load_run(folder / "r").provenance.gpus, testing::SizeIs(4));
}

TEST_F(Emulated, SamplesAndProvenanceSayThatTheDeviceWasEmulated) {
  const Folder folder;
  const auto run = run_emulated({"probe", "gpu.launch", "gpu.stream", "--quick", "--budget",
                                 "100ms", "-o", (folder / "r").string()},
                                {});
  ASSERT_EQ(run.code, 0) << run.err;
  const auto loaded = results::load_run(folder / "r");
  EXPECT_TRUE(loaded.provenance.gpu_emulated);
  EXPECT_THAT(loaded.provenance.gpu_model, HasSubstr("emulated"));
  std::size_t samples = 0;
  for (const auto& m : loaded.measurements) {
    const auto* of = std::get_if<results::Samples>(&m.outcome);
    if (!of) continue;
    for (const auto& visit : of->visits) {
      ASSERT_EQ(visit.marks.size(), visit.seconds.size());
      for (const auto mark : visit.marks) EXPECT_TRUE(mark & results::emulated);
      samples += visit.seconds.size();
    }
  }
  EXPECT_GT(samples, 10u);
  const auto calibrated = run_limen({"calibrate", (folder / "r").string()});
  EXPECT_EQ(calibrated.code, 2);
  EXPECT_THAT(calibrated.err, HasSubstr("nothing to calibrate from"));
}

TEST_F(Emulated, AWholeRunGetsToTheReportWhichWarns) {
  const Folder folder;
  const auto run = run_emulated({"run", "--quick", "--budget", "3s", "-o", (folder / "r").string()},
                                {{"PTXEMU_DEVICES", "2"}, {"PTXEMU_MEM_MB", "8"}});
  EXPECT_LE(run.code, 1) << run.err;  // the CPU's own gate may refuse a sample of a busy host
  const std::string report = slurp(folder / "r" / "report.html");
  EXPECT_THAT(report, HasSubstr("The GPUs of this run were emulated"));
  EXPECT_THAT(report, HasSubstr("gpu.gemv"));
  EXPECT_THAT(slurp(folder / "r" / "machine.toml"), Not(HasSubstr("emulated")));
}

// Every format of products, timed and checked on the shapes that fit.
TEST_F(Emulated, ProductsOfTheLibraryAreRightInEveryFormat) {
  const Folder folder;
  const auto run = run_emulated({"probe", "gpu.gemm", "--budget", "500ms", "--case-budget", "20ms",
                                 "-o", (folder / "r").string()},
                                {});
  ASSERT_EQ(run.code, 0) << run.err;
  std::set<std::string> formats;
  for (const auto& m : results::load_run(folder / "r").measurements)
    if (std::holds_alternative<results::Samples>(m.outcome))
      formats.insert(std::get<std::string>(m.parameters.at("format")));
  EXPECT_THAT(formats, testing::ElementsAre("bf16", "fp16", "fp32", "fp8", "int8"));
}

TEST_F(Emulated, AProductThatTheLibraryDoesNotKnowIsSkippedAndNamed) {
  const Folder folder;
  for (const char* code : {"15", "8"}) {
    const auto to = folder / code;
    const auto run = run_emulated(
        {"probe", "gpu.gemm", "--quick", "--verify", "-o", to.string()},
        {{"PTXEMU_CUBLAS_FAIL", std::string("cublasLtMatmulAlgoGetHeuristic=") + code}});
    EXPECT_EQ(run.code, 77) << run.err;
    EXPECT_THAT(run.err, HasSubstr("everything was skipped: cuBLASLt"));
    const auto loaded = results::load_run(to);
    const auto* skipped = std::get_if<results::Skipped>(&loaded.measurements.at(0).outcome);
    ASSERT_NE(skipped, nullptr);
    EXPECT_THAT(skipped->reason, testing::ContainsRegex("has no product of 48 x 64 (bf16|fp8) "
                                                        "weights with [0-9]+ tokens on sm_90"));
  }
  const auto run =
      run_emulated({"probe", "gpu.gemm", "--quick", "--verify", "-o", (folder / "lost").string()},
                   {{"PTXEMU_CUBLAS_FAIL", "cublasLtMatmulAlgoGetHeuristic=14"}});
  EXPECT_EQ(run.code, 1) << run.err;  // an internal error is one
  EXPECT_THAT(run.err, HasSubstr("cuBLAS status 14"));
}

TEST_F(Emulated, EnergyIsThatOfTheDriversCounter) {
  const Folder folder;
  const auto run = run_emulated(
      {"probe", "gpu.energy", "--quick", "--budget", "500ms", "-o", (folder / "r").string()},
      {{"LD_LIBRARY_PATH", emulator() + ":" + FAKE_NVML_FOLDER},
       {"FAKE_NVML_WATTS", "300"},
       {"FAKE_NVML_LOST", "0,0,1"},
       {"PTXEMU_MEM_MB", "4"}});
  ASSERT_EQ(run.code, 0) << run.err;
  const auto loaded = results::load_run(folder / "r");
  EXPECT_THAT(loaded.provenance.gpu_driver, HasSubstr("NVIDIA driver 599.99.01"));
  std::set<std::string> kernels;
  std::uint32_t marks = 0;
  for (const auto& m : loaded.measurements) {
    const auto& visits = std::get<results::Samples>(m.outcome).visits;
    ASSERT_FALSE(visits.empty());
    kernels.insert(std::get<std::string>(m.parameters.at("kernel")));
    for (const auto& v : visits) {
      const double seconds = v.seconds.at(0) * static_cast<double>(v.inner);
      EXPECT_GT(v.joules, 300 * seconds * 0.99);
      EXPECT_GT(seconds, 0.1);
      marks |= v.marks.at(0);
    }
  }
  EXPECT_THAT(kernels, testing::ElementsAre("copy", "read", "rest"));
  EXPECT_TRUE(marks & results::throttled);
}

struct Failure {
  Environment variables;
  int code;
  const char* says;
};

TEST_F(Emulated, WithoutAUsableGpuThereIsOneLineAndACode) {
  const Folder folder;
  int n = 0;
  for (const auto& f : std::vector<Failure>{
           {{{"PTXEMU_INIT_ERROR", "35"}},
            77,
            "there is no NVIDIA driver, or one too old for CUDA"},
           {{{"PTXEMU_INIT_ERROR", "34"}}, 77, "34"},
           {{{"PTXEMU_INIT_ERROR", "100"}}, 77, "no CUDA-capable device"},
           {{{"PTXEMU_FAIL", "cudaMalloc:1=2"}}, 77, "out of memory"},
           {{{"PTXEMU_FAIL", "cudaStreamCreateWithFlags:1=999"}, {"PTXEMU_DEVICES", "4"}},
            0,
            "is left out"}}) {
    const auto run = run_emulated(
        {"probe", "gpu.launch", "--verify", "-o", (folder / std::to_string(n++)).string()},
        f.variables);
    EXPECT_EQ(run.code, f.code) << run.err;
    EXPECT_THAT(run.err, HasSubstr(f.says));
    EXPECT_LE(run.lines_of_error(), 2) << run.err;
  }
}

TEST_F(Emulated, OneDeviceOfFourThatDoesNotWorkIsLeftOut) {
  const Folder folder;
  // The second device's first allocation.
  const auto run = run_emulated({"probe", "gpu.launch", "--verify", "-o", (folder / "r").string()},
                                {{"PTXEMU_DEVICES", "4"}, {"PTXEMU_FAIL", "cudaMalloc:2=719"}});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("GPU 1"));
  EXPECT_THAT(results::load_run(folder / "r").provenance.gpus, testing::SizeIs(3));
}

TEST_F(Emulated, PeersThatCannotReachEachOtherAreSkipped) {
  const Folder folder;
  const auto run = run_emulated(
      {"probe", "gpu.peer", "gpu.allreduce", "--quick", "--verify", "-o", (folder / "r").string()},
      {{"PTXEMU_DEVICES", "2"}, {"PTXEMU_NOPEER", "1"}});
  EXPECT_EQ(run.code, 77) << run.err;
  EXPECT_THAT(run.err, HasSubstr("everything was skipped: device"));
  for (const auto& m : results::load_run(folder / "r").measurements) {
    const auto* skipped = std::get_if<results::Skipped>(&m.outcome);
    ASSERT_NE(skipped, nullptr) << m.probe;
    EXPECT_THAT(skipped->reason, HasSubstr("cannot reach"));
  }
}

TEST_F(Emulated, AFailingCallMakesCasesInvalidAndTheExitCodeOne) {
  const Folder folder;
  const auto run =
      run_emulated({"probe", "gpu.latency", "--quick", "--verify", "-o", (folder / "r").string()},
                   {{"PTXEMU_FAIL", "cudaMemcpyAsync:4=719"}});
  EXPECT_EQ(run.code, 1) << run.err;
  EXPECT_THAT(run.err, HasSubstr("invalid: gpu.latency"));
  EXPECT_THAT(run.err, HasSubstr("719"));
}

}  // namespace
}  // namespace limen::tests
