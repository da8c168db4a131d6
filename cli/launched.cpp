#include "cli/launched.hpp"

#include <sched.h>

#include <map>

#include <fmt/format.h>

#include "probes/mpi_names.hpp"
#include "probes/registry.hpp"
#include "results/statistics.hpp"
#include "results/text.hpp"

namespace limen::cli {

std::optional<probes::Launch> rank_of_job() {
  auto launch = probes::launched_by();
  if (launch && launch->size < 2) launch.reset();
  return launch;
}

Asked asked(const std::vector<std::string>& names) {
  Asked result;
  for (const auto* probe : probes::select_probes(names))
    (probe->between_ranks() ? result.of_ranks : result.of_us) = true;
  return result;
}

probes::MpiPlan mpi_plan(const probes::PlanOptions& plan) {
  probes::MpiPlan ranks;
  ranks.names = plan.names;
  ranks.quick = plan.quick;
  ranks.verify_only = plan.verify_only;
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
  if (facts->hosts > 1) provenance.node_hosts = facts->node_hosts;
  provenance.interrupted = provenance.interrupted || facts->interrupted;
}

void add_ranks(const results::Run& run, probes::ProbeReport& report) {
  for (const auto& m : run.measurements) {
    if (!probes::is_between_ranks(m.probe) || m.parameters.count("timing") > 0) continue;
    ++report.cases;
    if (const auto* samples = std::get_if<results::Samples>(&m.outcome)) {
      const bool done = samples->stop == "settled" || samples->stop == "verified";
      ++(done ? report.settled : report.unsettled);
    } else if (const auto* invalid = std::get_if<results::Invalid>(&m.outcome)) {
      report.invalid.push_back(
          fmt::format("{} {}: {}", m.probe, results::describe(m.parameters), invalid->reason));
    } else {
      ++report.skipped;
    }
  }
}

std::vector<std::string> compared_with_barriers(const results::Run& run) {
  struct Pair {
    results::Parameters parameters;
    double window = 0, barriers = 0;  // medians in microseconds
  };
  std::map<std::string, Pair> least;  // by probe and ranks
  for (const auto& m : run.measurements) {
    const auto* samples = std::get_if<results::Samples>(&m.outcome);
    if (!samples || samples->visits.empty() || m.probe.rfind("mpi.", 0) != 0) continue;
    results::Parameters parameters = m.parameters, key = m.parameters;
    const bool between = parameters.erase("timing") > 0;
    key.erase("timing"), key.erase("bytes");
    Pair& pair = least[m.probe + " " + results::describe(key)];
    const auto bytes = [](const results::Parameters& p) {
      const auto found = p.find("bytes");
      return found == p.end() ? 0 : std::get<std::int64_t>(found->second);
    };
    if (pair.parameters.empty() || bytes(parameters) < bytes(pair.parameters))
      pair = {parameters, 0, 0};
    if (parameters == pair.parameters)
      (between ? pair.barriers : pair.window) = results::median_of(results::pooled(*samples)) * 1e6;
  }
  std::vector<std::string> lines;
  for (const auto& [key, p] : least)
    if (p.window > 0 && p.barriers > 0)
      lines.push_back(fmt::format(
          "{} {}: {:.2f} us from the last rank in to the last out, {:.2f} us between barriers",
          key.substr(0, key.find(' ')), results::describe(p.parameters), p.window, p.barriers));
  return lines;
}

}  // namespace limen::cli
