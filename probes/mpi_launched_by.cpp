#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "probes/mpi_probes.hpp"

extern char** environ;

namespace limen::probes {
namespace {

constexpr const char* srun_advice =
    "use `srun --mpi=pmix` (`srun --mpi=list` shows what there is), or mpirun inside the job";

// A variable that is a number; nothing if it is absent or something else.
std::optional<int> number(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (*end != '\0' || value < 0 || value > 100'000'000) return std::nullopt;
  return static_cast<int>(value);
}

std::optional<Launch> launch(const char* launcher, const char* rank_name, const char* size_name) {
  const auto rank = number(rank_name), size = number(size_name);
  if (!rank || !size) return std::nullopt;
  return Launch{launcher, *rank, *size};
}

}  // namespace

std::optional<Launch> launched_by() {
  // mpirun inside a Slurm job leaves Slurm's variables in place, so it is asked first. A batch
  // script has SLURM_PROCID too, but is no rank: only srun sets the number of tasks of a step.
  auto found = launch("mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE");
  if (!found) found = launch("srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS");
  if (!found) found = launch("PMI launcher", "PMI_RANK", "PMI_SIZE");
  if (!found) {
    if (const auto rank = number("PMIX_RANK")) found = Launch{"PMIx launcher", *rank, 0};
  }
  if (found && found->size == 1) return std::nullopt;
  return found;
}

std::optional<std::string> launch_defect(const Launch& launch) {
  if (launch.launcher != "srun") return std::nullopt;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, "PMI", 3) == 0) return std::nullopt;  // PMI_..., PMI2_..., PMIX_...
  }
  return "srun started " + std::to_string(launch.size) +
         " processes without PMIx, so they cannot find each other: " + srun_advice;
}

std::optional<std::string> world_mismatch(const Launch& launch, int ranks) {
  if (launch.size == 0 || launch.size == ranks) return std::nullopt;
  std::string line = launch.launcher + " started " + std::to_string(launch.size) +
                     " processes, but MPI sees " + std::to_string(ranks) +
                     (ranks == 1 ? " rank in each" : " ranks") + ": ";
  if (launch.launcher == "srun") {
    line += srun_advice;
  } else {
    line += "start it with the launcher of the MPI library that limen was built with";
  }
  return line;
}

}  // namespace limen::probes
