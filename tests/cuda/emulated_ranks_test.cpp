// MPI ranks with an emulated GPU each: the program under mpirun, with an MPI that takes device
// memory and an NCCL between processes, both stand-ins. Right results, wrong ones, refusals, and
// ranks that are lost.
#include <stdlib.h>

#include <map>

#include <nlohmann/json.hpp>

#include "results/store.hpp"
#include "tests/cuda/emulated.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::tests {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

class EmulatedRanks : public Emulated {
 protected:
  void SetUp() override {
    Emulated::SetUp();
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  }
  static Environment with_nccl(Environment variables) {
    variables.insert({{"LD_LIBRARY_PATH", std::string(LIMEN_RANKS_NCCL) + ":" + emulator()},
                      {"PTXEMU_DEVICES", "2"}});
    return variables;
  }
  // Two ranks that probe.
  Finished probe(std::vector<std::string> arguments, Environment variables) const {
    arguments.insert(arguments.begin(), "probe");
    arguments.insert(arguments.end(), {"--quick", "-o", (folder / "run").string()});
    std::vector<std::string> command = {LIMEN_MPIEXEC, "-np", "2", "--bind-to", "core"};
    const auto emulated = emulated_command(arguments, with_nccl(std::move(variables)));
    command.insert(command.end(), emulated.begin(), emulated.end());
    return run_program(LIMEN_MPIEXEC, command);
  }
  // Outcomes by what moved the data.
  std::map<std::string, std::multiset<std::string>> outcomes() const {
    std::map<std::string, std::multiset<std::string>> found;
    for (const auto& m : results::load_run(folder / "run").measurements) {
      const auto* skipped = std::get_if<results::Skipped>(&m.outcome);
      const auto* invalid = std::get_if<results::Invalid>(&m.outcome);
      const auto* samples = std::get_if<results::Samples>(&m.outcome);
      found[std::get<std::string>(m.parameters.at("by"))].insert(skipped ? skipped->reason
                                                                 : invalid
                                                                     ? "invalid: " + invalid->reason
                                                                     : samples->stop);
    }
    return found;
  }
  const Folder folder;
};

TEST_F(EmulatedRanks, MpiAndNcclMoveDeviceMemory) {
  const auto run = probe({"device", "--verify"}, {{"LD_PRELOAD", LIMEN_RANKS_MPI}});
  ASSERT_EQ(run.code, 0) << run.err;
  const auto found = outcomes();
  EXPECT_EQ(found.at("MPI").size(), 7u * 3);
  EXPECT_EQ(found.at("NCCL").size(), 4u * 2 * 3);
  EXPECT_THAT(found.at("MPI"), Each("verified"));
  EXPECT_THAT(found.at("NCCL"), Each("verified"));
  // No CUDA IPC here, which is a reason and no error.
  EXPECT_THAT(found.at("one-shot"), Each(HasSubstr("cudaIpcGetMemHandle")));
}

TEST_F(EmulatedRanks, AnMpiThatDoesNotTakeItIsNotGivenIt) {
  const auto run = probe({"device.allreduce", "--budget", "200ms"}, {});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("collectives of device memory by MPI: skipped: rank 0: this MPI "
                                 "was built without CUDA"));
  EXPECT_THAT(outcomes().at("MPI"), UnorderedElementsAre(HasSubstr("MPIX_Query_cuda_support")));
  std::size_t samples = 0;
  for (const auto& m : results::load_run(folder / "run").measurements) {
    const auto* timed = std::get_if<results::Samples>(&m.outcome);
    if (timed == nullptr) continue;
    for (const auto& visit : timed->visits)
      for (const auto mark : visit.marks) samples += (mark & results::emulated) != 0;
  }
  EXPECT_GT(samples, 10u);
}

TEST_F(EmulatedRanks, AWrongSumIsInvalidAndNamesTheRank) {
  const auto run = probe({"device.allreduce", "--verify"}, {{"TEST_NCCL", "wrong"}});
  EXPECT_EQ(run.code, 1) << run.err;
  EXPECT_THAT(outcomes().at("NCCL"), Each("invalid: rank 1 has a wrong result"));
}

TEST_F(EmulatedRanks, WhatOneRankIsRefusedIsSkippedByAll) {
  const auto run = probe({"device.alltoall", "--verify"}, {{"TEST_NCCL", "refuse"}});
  EXPECT_EQ(run.code, 77) << run.err;
  EXPECT_THAT(outcomes().at("NCCL"),
              Each(AllOf(HasSubstr("rank 1: ncclCommInitRank"), HasSubstr("NCCL error 3"))));
}

TEST_F(EmulatedRanks, ALostRankIsAnErrorAndNoHang) {
  const auto run = probe({"device.allgather", "--rank-timeout", "2s"}, {{"TEST_NCCL", "hang"}});
  EXPECT_EQ(run.code, 1) << run.err;
  EXPECT_THAT(run.err, HasSubstr("limen: nothing got on for 2 s"));
}

TEST_F(EmulatedRanks, NcclInThisProcessInStreamsAndGraphs) {
  const auto run = run_emulated(
      {"probe", "gpu.nccl", "--quick", "--verify", "-o", (folder / "run").string()}, with_nccl({}));
  ASSERT_EQ(run.code, 0) << run.err;
  std::map<std::string, int> verified;
  for (const auto& m : results::load_run(folder / "run").measurements)
    if (std::holds_alternative<results::Samples>(m.outcome))
      ++verified[std::get<std::string>(m.parameters.at("collective")) + " " +
                 std::get<std::string>(m.parameters.at("sent"))];
  EXPECT_EQ(verified.size(), 4u * 2);
  EXPECT_THAT(verified, Each(Pair(testing::_, 3)));  // sizes
}

}  // namespace
}  // namespace limen::tests
