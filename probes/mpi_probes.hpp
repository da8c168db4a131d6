// The MPI probes: collectives and messages between ranks (mpi_names.hpp). One half runs in a plain
// process and starts the ranks; the other half is a rank. None of this needs MPI to compile
// against, and a build without MPI says so.
//
//   in a plain process:  run_mpi_probes(plan, directory, note);
//                        it starts `mpirun -np P SELF probe --mpi-rank --into DIR`
//   in such a rank:      return mpi_rank_main(plan, directory);
//                        so does `limen run` itself under a user's launcher
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace limen::gpu {
class Backend;
}

namespace limen::probes {

// A back end for the GPUs of this process; null, with the reason, if there is none.
using OpenBackend = std::function<std::unique_ptr<gpu::Backend>(std::string& why)>;

struct MpiPlan {
  std::vector<std::string> names;  // probes, "mpi" or "device"; empty: all
  bool quick = false;
  bool verify_only = false;  // check every operation and time nothing
  std::uint64_t seed = 1;    // of the order in which cases are visited
  double seconds = 0;        // of measuring, in each job; 0: for each set of ranks 6 quick, 60 full
  double precision = 0.02;   // relative half-width of a median's interval that settles a case
  int max_ranks = 0;         // at most; 0: the cores that this process may use
  std::string mpirun;        // empty: the first mpirun or mpiexec in PATH
  std::filesystem::path self;  // the program that becomes a rank; empty: this one
  double timeout = 0;          // seconds until a job is killed; 0: by the budget
  double patience = 30;        // seconds without progress after which a rank is said to hang
  OpenBackend gpus;            // of ranks; null: CUDA
};

enum class MpiStatus { ran, skipped, interrupted };

// Measures with 2, 4, 8 ... ranks, as many as there are cores; the ranks append to the run. `note`
// says what was done, or why nothing was. Error if a job fails, hangs or cannot be killed; it names
// the command.
MpiStatus run_mpi_probes(const MpiPlan& plan, const std::filesystem::path& run_directory,
                         std::string& note);

// The life of a rank, from MPI_Init to MPI_Finalize; returns an exit code. Error with Exit::unfit,
// at one rank only, if the launcher started singletons. After MPI_Init any failure aborts all ranks
// with a line that names rank and host.
int mpi_rank_main(const MpiPlan& plan, const std::filesystem::path& run_directory);

// Who started this process, as the environment tells before MPI_Init. Nothing if it is no rank, or
// the only one.
struct Launch {
  std::string launcher;  // "mpirun", "srun", "PMI launcher" or "PMIx launcher"
  int rank = 0;
  int size = 0;  // 0: it did not say
};
std::optional<Launch> launched_by();

// Before MPI_Init: what is wrong, and what to do, if the launcher left no way for ranks to find
// each other. MPI would fail with a page of text for each, or start as many singletons.
std::optional<std::string> launch_defect(const Launch& launch);

// After it: the same if MPI counts `ranks` although the launcher announced another number.
std::optional<std::string> world_mismatch(const Launch& launch, int ranks);

// For the provenance: what the ranks wrote beside run.json (mpi-P.json, the largest P). Nothing if
// no job finished.
struct MpiFacts {
  std::string library;  // first line of MPI_Get_library_version
  std::string launcher;
  int ranks = 0, hosts = 0;
  bool interrupted = false;
  std::vector<std::string> node_hosts;  // in the order in which cases of several nodes take them
};
std::optional<MpiFacts> read_mpi_facts(const std::filesystem::path& run_directory);

// All-reduce on two ranks, timed in turn by our method and as the OSU benchmarks do (barrier, loop,
// mean over iterations and ranks), alternated at random in one job. Seconds; the ratio is OSU's
// average over our median.
struct OsuRow {
  std::int64_t bytes = 0;
  double median = 0, p10 = 0, osu_mean = 0;
  double ratio() const { return osu_mean / median; }
};
std::vector<OsuRow> mpi_osu_comparison(const MpiPlan& plan,
                                       std::string& note);  // empty, and a note, if skipped

}  // namespace limen::probes
