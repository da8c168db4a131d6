#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/error.hpp"
#include "probes/host.hpp"
#include "probes/mpi_cores.hpp"
#include "probes/mpi_decode.hpp"
#include "probes/mpi_facts.hpp"
#include "probes/mpi_job.hpp"
#include "probes/mpi_order.hpp"
#include "probes/mpi_probes.hpp"
#include "probes/mpi_skipped.hpp"

extern char** environ;

namespace limen::probes {
namespace {

namespace fs = std::filesystem;

// Ours, but for what an outer launcher left to us, the only rank of its job: mpirun in mpirun would
// take it for its own. Nor is it to know of a batch job: the ranks belong on this host.
std::vector<std::string> job_environment(const MpiOrder& order) {
  std::vector<std::string> result;
  const bool inner = std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr ||
                     std::getenv("PMIX_RANK") != nullptr || std::getenv("PMI_RANK") != nullptr;
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string entry = *e;
    const auto opens_with = [&entry](const char* prefix) { return entry.rfind(prefix, 0) == 0; };
    if (opens_with("SLURM_")) continue;
    if (inner && (opens_with("OMPI_") || opens_with("PMIX_") || opens_with("PMI_"))) continue;
    if (!opens_with("OMPI_ALLOW_RUN_AS_ROOT") && !opens_with("LIMEN_MPI_JOB="))
      result.push_back(entry);
  }
  if (geteuid() ==
      0) {  // in a container; as variables, other libraries' launchers do not mind them
    result.push_back("OMPI_ALLOW_RUN_AS_ROOT=1");
    result.push_back("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1");
  }
  result.push_back(to_environment(order));
  return result;
}

std::vector<std::string> job_arguments(const MpiPlan& plan, const std::string& mpirun, int ranks,
                                       const fs::path& directory, MpiJob job) {
  const fs::path self = plan.self.empty() ? fs::read_symlink("/proc/self/exe") : plan.self;
  std::vector<std::string> arguments{mpirun,
                                     "-np",
                                     std::to_string(ranks),
                                     "--bind-to",
                                     job == MpiJob::decode ? "none" : "core",  // binds its threads
                                     self.string(),
                                     "probe",
                                     "--mpi-rank",
                                     "--into",
                                     directory.string(),
                                     "--seed",
                                     std::to_string(plan.seed)};
  if (plan.quick) arguments.push_back("--quick");
  arguments.insert(arguments.end(), {"--rank-timeout", fmt::format("{}s", plan.patience)});
  if (plan.verify_only) arguments.push_back("--verify");
  arguments.insert(arguments.end(), plan.names.begin(), plan.names.end());
  return arguments;
}

struct Launcher {
  std::string mpirun;
  int cores = 0;
  std::string unfit;  // why nothing can be started, or empty
};

Launcher find_launcher(const MpiPlan& plan) {
  Launcher launcher;
  launcher.cores = count_cores(allowed_cpus());
  const double quota = host_limits().cpus;  // beyond it, ranks that spin are stopped in turn
  if (quota > 0) launcher.cores = std::min(launcher.cores, static_cast<int>(quota));
  if (plan.max_ranks > 0) launcher.cores = std::min(launcher.cores, plan.max_ranks);
  launcher.mpirun = plan.mpirun.empty() ? find_program({"mpirun", "mpiexec"}) : plan.mpirun;
  if (launcher.cores < 2) {
    launcher.unfit = "one core only: two ranks would share it";
  } else if (launcher.mpirun.empty()) {
    launcher.unfit = "no mpirun in PATH (Debian: openmpi-bin)";
  } else if (access(launcher.mpirun.c_str(), X_OK) != 0) {
    launcher.unfit = launcher.mpirun + " is not there";
  }
  return launcher;
}

// How the job ended, if it did as it should; `done` tells that it wrote what it was to write last.
JobEnd start(const MpiPlan& plan, const Launcher& launcher, int ranks, const fs::path& directory,
             const MpiOrder& order, const fs::path& done) {
  fs::remove(done);
  const auto arguments = job_arguments(plan, launcher.mpirun, ranks, directory, order.job);
  const double timeout = plan.timeout > 0 ? plan.timeout : 60 + 3 * order.seconds;
  const JobEnd end = run_job(arguments, job_environment(order), timeout);
  if (end.interrupted) return end;
  if (end.timed_out) {
    throw Error(fmt::format("`{}` did not end in {:.0f} s and was killed", command_line(arguments),
                            timeout),
                Exit::failed);
  }
  if (!fs::exists(done)) {
    const std::string why = end.code > 128
                                ? fmt::format("a rank was ended by signal {}", end.code - 128)
                                : fmt::format("it ended with code {}", end.code);
    throw Error(fmt::format("`{}` was not done: {}; what was measured is in {}",
                            command_line(arguments), why, directory.string()),
                end.code == static_cast<int>(Exit::unfit) ? Exit::unfit : Exit::failed);
  }
  return end;
}

// Removed with all that is in it.
struct TemporaryFolder {
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "limen-ranks-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      throw Error(name + ": cannot be made (" + std::strerror(errno) + ")");
    path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  fs::path path;
};

// True in a run that goes on, if its ranks ended by themselves.
bool ended_before(const fs::path& run_directory, int ranks) {
  std::ifstream in(mpi_facts_file(run_directory, ranks));
  const auto facts = nlohmann::json::parse(in, nullptr, false);
  return facts.is_object() && !facts.value("interrupted", false);
}

}  // namespace

MpiStatus run_mpi_probes(const MpiPlan& plan, const fs::path& run_directory, std::string& note) {
  const Launcher launcher = find_launcher(plan);
  if (!launcher.unfit.empty()) {
    note = "skipped: " + launcher.unfit;
    write_mpi_skipped(run_directory, launcher.unfit, plan.names);
    return MpiStatus::skipped;
  }
  std::vector<int> counts;
  bool invalid = false;
  const MpiOrder order{MpiJob::measure, plan.seconds > 0 ? plan.seconds : default_seconds(plan),
                       plan.precision};
  for (int ranks = 2; ranks <= launcher.cores; ranks *= 2) {
    if (ended_before(run_directory, ranks)) continue;
    const JobEnd end =
        start(plan, launcher, ranks, run_directory, order, mpi_facts_file(run_directory, ranks));
    if (end.interrupted) {
      note = fmt::format("interrupted with {} ranks", ranks);
      return MpiStatus::interrupted;
    }
    counts.push_back(ranks);
    invalid = invalid || end.code != 0;
  }
  note = counts.empty() ? "measured already"
                        : fmt::format("{} ranks{}", fmt::join(counts, ", "),
                                      invalid ? ", some results invalid" : "");
  return MpiStatus::ran;
}

std::vector<OsuRow> mpi_osu_comparison(const MpiPlan& plan, std::string& note) {
  const Launcher launcher = find_launcher(plan);
  if (!launcher.unfit.empty()) {
    note = "skipped: " + launcher.unfit;
    return {};
  }
  const TemporaryFolder folder;
  const fs::path file = folder.path / "mpi-osu.json";
  const JobEnd end = start(plan, launcher, 2, folder.path,
                           {MpiJob::osu, plan.quick ? 10.0 : 60.0, plan.precision}, file);
  if (end.interrupted) {
    note = "interrupted";
    return {};
  }
  std::vector<OsuRow> rows;
  std::ifstream in(file);
  for (const nlohmann::json& row : nlohmann::json::parse(in)) {
    rows.push_back({row.at("bytes"), row.at("median"), row.at("p10"), row.at("osu_mean")});
  }
  note = fmt::format("{} sizes", rows.size());
  return rows;
}

std::vector<std::vector<DecodeTimes>> run_mpi_decode(const std::vector<DecodeOrder>& orders,
                                                     const DecodeOptions& options, int ranks,
                                                     std::string& note) {
  const MpiPlan plan;
  Launcher launcher = find_launcher(plan);
  if (launcher.unfit.empty() && launcher.cores < ranks)
    launcher.unfit = fmt::format("{} ranks would share {} cores", ranks, launcher.cores);
  if (!launcher.unfit.empty()) {
    note = "skipped: " + launcher.unfit;
    return {};
  }
  const TemporaryFolder folder;
  write_decode_orders(folder.path, orders, options);
  double seconds = 60;  // to fill memory, and to wait for quiet
  for (const DecodeOrder& order : orders)
    seconds += 30 + static_cast<double>(order.points.size()) * options.visits *
                        (5 + 6 * options.visit_seconds);
  const JobEnd end =
      start(plan, launcher, ranks, folder.path, {MpiJob::decode, seconds, plan.precision},
            decode_times_file(folder.path));
  if (end.interrupted) throw Error("interrupted", Exit::failed);
  return read_decode_times(folder.path);
}

}  // namespace limen::probes
