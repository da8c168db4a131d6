// limen on a node without a usable GPU: it starts, says why in one line, and goes on with the rest.
#include <filesystem>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "results/store.hpp"
#include "tests/cli/command.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::tests {
namespace {

using testing::HasSubstr;

// Where this test runs there may be a GPU: the driver is hidden from it.
Finished without_gpu(std::vector<std::string> arguments, const std::string& directory = "") {
  std::vector<std::string> command = {"env", "CUDA_VISIBLE_DEVICES=", LIMEN_EXECUTABLE};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_program("/usr/bin/env", command, directory);
}

TEST(NoGpu, ProbesOfGpusHaveNothingToRun) {
  const Folder folder;
  const auto run = without_gpu({"probe", "gpu", "--quick", "-o", (folder / "r").string()});
  EXPECT_EQ(run.code, 77) << run.err;
  EXPECT_THAT(run.err, HasSubstr("limen: no GPU: "));
  for (const auto& m : results::load_run(folder / "r").measurements)
    EXPECT_THAT(std::get<results::Skipped>(m.outcome).reason, HasSubstr("no GPU")) << m.probe;
}

// With a name the folder says why; without one it would only be in the way.
TEST(NoGpu, LeavesNoFolderBehindThatNobodyAskedFor) {
  const Folder folder;
  std::filesystem::create_directories(folder / "w");
  const std::string here = (folder / "w").string();
  auto run = without_gpu({"probe", "gpu", "--verify"}, here);
  EXPECT_EQ(run.code, 77) << run.err;
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, HasSubstr("limen: no GPU: "));
  EXPECT_THAT(run.err, HasSubstr("no run is kept"));
  EXPECT_TRUE(std::filesystem::is_empty(here));
  std::filesystem::create_directories(folder / "w/runs/earlier");
  run = without_gpu({"probe", "gpu.launch", "--json"}, here);
  EXPECT_EQ(run.code, 77) << run.err;
  const auto out = nlohmann::json::parse(run.out);
  EXPECT_TRUE(out["run"].is_null());
  EXPECT_EQ(out["skipped"], out["cases"]);
  EXPECT_TRUE(std::filesystem::exists(folder / "w/runs/earlier"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "w/runs"), {}), 1);
}

TEST(NoGpu, OtherProbesGoOn) {
  const Folder folder;
  const auto run = without_gpu({"probe", "compute.fma", "gpu.launch", "--quick", "--budget", "50ms",
                                "-o", (folder / "r").string()});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(results::load_run(folder / "r").provenance.gpu_notes, testing::SizeIs(1));
}

TEST(NoGpu, DecodingOnGpusSaysInOneLineWhyItCannot) {
  const auto run = without_gpu({"verify", "--device", "gpu"});
  EXPECT_EQ(run.code, 77) << run.err;
  EXPECT_EQ(run.lines_of_error(), 1) << run.err;
  EXPECT_THAT(run.err, HasSubstr("--device gpu: "));
}

TEST(NoGpu, VerifyChecksCpuKernelsAndTimesNothing) {
  const Folder folder;
  const auto run = without_gpu({"probe", "compute.fma", "--verify", "-o", (folder / "r").string()});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("verified"));
  for (const auto& m : results::load_run(folder / "r").measurements)
    EXPECT_TRUE(std::get<results::Samples>(m.outcome).visits.empty()) << m.probe;
  EXPECT_EQ(run_limen({"show", (folder / "r").string()}).code, 0);
  EXPECT_EQ(run_limen({"show", (folder / "r").string(), "--json"}).code, 0);
}

}  // namespace
}  // namespace limen::tests
