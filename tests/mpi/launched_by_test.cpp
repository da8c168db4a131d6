// Who started us: environments as launchers leave them, and what is said about singletons.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "probes/mpi_probes.hpp"

namespace limen::probes {
namespace {

using Variables = std::map<std::string, std::string>;

// Sets what a launcher sets, after removing what any of them would; the environment of the test
// itself comes back.
class Environment {
 public:
  explicit Environment(const Variables& variables) {
    for (const char* name :
         {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE",
          "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"}) {
      if (const char* value = std::getenv(name)) before_[name] = value;
      unsetenv(name);
      names_.push_back(name);
    }
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() {
    for (const std::string& name : names_) unsetenv(name.c_str());
    for (const auto& [name, value] : before_) setenv(name.c_str(), value.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::vector<std::string> names_;
  Variables before_;
};

TEST(MpiLaunchedBy, APlainProcessIsNoRank) {
  const Environment e(Variables{});
  EXPECT_FALSE(launched_by());
}

TEST(MpiLaunchedBy, ABatchScriptIsNoRank) {
  const Environment e(Variables{{"SLURM_NTASKS", "2"}, {"SLURM_PROCID", "0"}});
  EXPECT_FALSE(launched_by());
}

TEST(MpiLaunchedBy, MpirunInsideSlurmIsMpirun) {
  const Environment e(Variables{{"OMPI_COMM_WORLD_RANK", "3"},
                                {"OMPI_COMM_WORLD_SIZE", "4"},
                                {"SLURM_PROCID", "0"},
                                {"SLURM_STEP_NUM_TASKS", "1"}});
  const auto launch = launched_by();
  ASSERT_TRUE(launch);
  EXPECT_EQ(launch->launcher, "mpirun");
  EXPECT_EQ(launch->rank, 3);
  EXPECT_EQ(launch->size, 4);
}

TEST(MpiLaunchedBy, Srun) {
  const Environment e(
      Variables{{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "2"}, {"PMIX_RANK", "1"}});
  const auto launch = launched_by();
  ASSERT_TRUE(launch);
  EXPECT_EQ(launch->launcher, "srun");
  EXPECT_EQ(launch->rank, 1);
  EXPECT_EQ(launch->size, 2);
}

TEST(MpiLaunchedBy, PmiLaunchersAndOneTask) {
  {
    const Environment e(Variables{{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}});
    EXPECT_EQ(launched_by()->launcher, "PMI launcher");
  }
  {
    const Environment e(Variables{{"PMIX_RANK", "1"}});
    EXPECT_EQ(launched_by()->size, 0);
  }
  const Environment e(Variables{{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}});
  EXPECT_FALSE(launched_by());
}

TEST(MpiLaunchedBy, SrunWithoutPmiIsRefusedBeforeMpiStarts) {
  {
    const Environment e(Variables{});
    EXPECT_THAT(launch_defect({"srun", 0, 2}).value_or(""), testing::HasSubstr("srun --mpi=pmix"));
    EXPECT_FALSE(launch_defect({"mpirun", 0, 2}));
  }
  const Environment e(Variables{{"PMIX_RANK", "0"}});
  EXPECT_FALSE(launch_defect({"srun", 0, 2}));
}

TEST(MpiLaunchedBy, SingletonsAreSeenAndTheLineSaysWhatToDo) {
  const auto line = world_mismatch({"srun", 0, 2}, 1);
  ASSERT_TRUE(line);
  EXPECT_THAT(*line, testing::HasSubstr("srun --mpi=pmix"));
  EXPECT_TRUE(world_mismatch({"mpirun", 0, 4}, 1));
  EXPECT_FALSE(world_mismatch({"srun", 0, 2}, 2));
  EXPECT_FALSE(world_mismatch({"PMIx launcher", 0, 0}, 1));
}

}  // namespace
}  // namespace limen::probes
