#include "cli/launched.hpp"

#include <sched.h>

namespace limen::cli {

std::optional<probes::Launch> rank_of_job() {
  auto launch = probes::launched_by();
  if (launch && launch->size < 2) launch.reset();
  return launch;
}

probes::MpiPlan mpi_plan(const probes::PlanOptions& plan) {
  probes::MpiPlan ranks;
  ranks.quick = plan.quick;
  ranks.seed = plan.seed;
  ranks.max_ranks = plan.max_threads;
  return ranks;
}

Exit measure_as_rank(const probes::MpiPlan& plan, const std::filesystem::path& run_directory) {
  const Exit code = static_cast<Exit>(probes::mpi_rank_main(plan, run_directory));
  cpu_set_t every;
  CPU_ZERO(&every);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) CPU_SET(cpu, &every);
  sched_setaffinity(
      0, sizeof every,
      &every);  // the kernel keeps to those of the cgroup; if it refuses, one core it is
  return code;
}

void add_job(const std::filesystem::path& run_directory, results::Provenance& provenance) {
  const auto facts = probes::read_mpi_facts(run_directory);
  if (!facts) return;
  provenance.mpi_library = facts->library;
  provenance.launcher = facts->launcher;
  provenance.ranks = facts->ranks;
  provenance.hosts = facts->hosts;
  provenance.interrupted = provenance.interrupted || facts->interrupted;
}

}  // namespace limen::cli
