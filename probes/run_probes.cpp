#include "probes/run_probes.hpp"

#include <chrono>
#include <cmath>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "model/error.hpp"
#include "probes/bench.hpp"
#include "probes/host.hpp"
#include "probes/interference.hpp"
#include "probes/interrupt.hpp"
#include "probes/progress.hpp"
#include "probes/registry.hpp"
#include "probes/run_gpu.hpp"
#include "probes/schedule.hpp"
#include "probes/topology.hpp"
#include "results/gate.hpp"
#include "results/text.hpp"

namespace limen::probes {
namespace {

double or_default(double given, bool quick, double for_quick, double for_full) {
  return given > 0 ? given : quick ? for_quick : for_full;
}

// Refuses what no machine can have done, and what this machine has shown that it cannot do.
void apply_gate(std::vector<Task>& tasks, double clock, results::RunWriter& writer) {
  std::vector<results::Measurement> all;
  for (const auto& task : tasks) all.push_back(task.measured);
  results::GateOptions options;
  if (clock > 0) options.core_hertz = 1.1 * clock;
  for (const auto& refused : results::gate(all, options)) {
    auto& m = tasks[refused.index].measured;
    m.outcome = results::Invalid{refused.reason};
    writer.verdict(m.probe, m.parameters, m.work, m.outcome);
  }
}

struct Parts {
  std::vector<const Probe*> cpu, gpu;
};
Parts split(const std::vector<const Probe*>& probes) {
  Parts parts;
  for (const auto* probe : probes)
    if (!probe->between_ranks()) (probe->gpu_cases ? parts.gpu : parts.cpu).push_back(probe);
  return parts;
}

}  // namespace

void check(const PlanOptions& o) {
  const auto at_least_zero = [](const char* what, double value) {
    if (!std::isfinite(value) || value < 0)
      throw Error(fmt::format("{} must be a positive time, not {}", what, value));
  };
  at_least_zero("the budget", o.seconds);
  at_least_zero("the budget of a case", o.case_seconds);
  at_least_zero("the time of a visit", o.visit_seconds);
  if (!(o.relative_error > 0 && o.relative_error < 1)) {
    throw Error(fmt::format("the relative error must lie between 0 and 1 (0.02 is 2 %), not {}",
                            o.relative_error));
  }
  if (!(o.memory_share > 0 && o.memory_share <= 0.9)) {
    throw Error(
        fmt::format("the share of memory must lie between 0 and 0.9, not {}", o.memory_share));
  }
  if (o.max_threads < 0)
    throw Error(fmt::format("the number of threads must be positive, not {}", o.max_threads));
  select_probes(o.names);
}

ProbeReport run_probes(const PlanOptions& options, results::RunWriter& writer,
                       results::Provenance& provenance, const results::Run* before) {
  check(options);
  const auto start = std::chrono::steady_clock::now();
  const Interrupt interrupt;
  const AffinityKeeper affinity;
  const Topology topology;
  if (const auto file = writer.directory() / "topology.xml"; topology.write(file)) {
    provenance.topology_file = file.filename();
    provenance.topology_hash = fnv1a(file);
  }
  // The sizes that are measured follow from it, so a run that goes on must use the same.
  const auto memory = static_cast<std::size_t>(
      options.memory > 0 ? options.memory
                         : options.memory_share * static_cast<double>(free_memory()));
  provenance.plan["memory"] = static_cast<double>(memory);
  Bench bench(topology, {options.quick, options.seed, memory, options.max_threads});
  provenance.processing_units = topology.processing_units();
  provenance.processing_units.resize(static_cast<std::size_t>(bench.all_threads()));

  provenance.gpus = provenance.gpu_notes = {};
  provenance.gpu_memory_bytes = {};
  writer.finish(provenance);  // what a run that is killed needs to go on

  const Parts parts = split(select_probes(options.names));
  std::vector<Task> tasks;
  for (const auto* probe : parts.cpu) {
    for (auto& c : probe->cases(bench)) tasks.push_back({probe, std::move(c)});
  }
  Progress progress;
  ScheduleOptions schedule;
  schedule.stop = {options.relative_error, options.least_samples, options.least_visits,
                   or_default(options.case_seconds, options.quick, 2, 12)};
  schedule.seconds = or_default(options.seconds, options.quick, 30, 420);
  schedule.visit_seconds = or_default(options.visit_seconds, options.quick, 0.006, 0.012);
  schedule.seed = options.seed;
  schedule.verify_only = options.verify_only;
  schedule.before = before;
  schedule.interrupted = [] { return Interrupt::asked(); };
  schedule.progress = [&](const std::string& probe, std::size_t done, std::size_t all,
                          double left) { progress.show(probe, done, all, left); };
  Interference interference(static_cast<int>(topology.processing_units().size()), bench.team());
  run_schedule(tasks, schedule, interference, writer);
  apply_gate(tasks, interference.fastest_clock(), writer);

  // GPUs come after, on their own: they would idle while CPUs are measured, and lower their clocks.
  std::unique_ptr<GpuBench> gpus;
  if (!parts.gpu.empty() && !Interrupt::asked()) {
    std::string why;
    gpus = GpuBench::open({options.quick, options.seed, options.memory_share}, why);
    if (gpus) {
      describe_gpus(*gpus, provenance);
      writer.finish(provenance);  // what the devices are, even if the run is killed
      auto on_gpus = gpu_tasks(*gpus, parts.gpu);
      run_schedule(on_gpus, schedule, interference, writer);
      apply_gpu_gate(on_gpus, *gpus, writer);
      std::move(on_gpus.begin(), on_gpus.end(), std::back_inserter(tasks));
    } else {
      provenance.gpu_notes.push_back("no GPU: " + why);
      for (const auto* probe : parts.gpu) {
        writer.verdict(probe->name, {}, {}, results::Skipped{"no GPU: " + why});
        tasks.push_back({probe, {}, {probe->name, {}, {}, results::Skipped{"no GPU: " + why}}});
      }
    }
  }

  ProbeReport report;
  report.cases = tasks.size();
  report.notes = provenance.gpu_notes;
  report.interrupted = Interrupt::asked();
  std::set<std::string> reasons;
  for (const auto& task : tasks) {
    const auto& m = task.measured;
    if (const auto* samples = std::get_if<results::Samples>(&m.outcome)) {
      ++(samples->stop == "settled" || samples->stop == "verified" ? report.settled
                                                                   : report.unsettled);
    } else if (const auto* invalid = std::get_if<results::Invalid>(&m.outcome)) {
      report.invalid.push_back(
          fmt::format("{} {}: {}", m.probe, results::describe(m.parameters), invalid->reason));
    } else {
      ++report.skipped;
      reasons.insert(std::get<results::Skipped>(m.outcome).reason);
    }
  }
  report.nothing_ran = report.skipped == report.cases;
  // Where there is no GPU a note says so already.
  if (report.nothing_ran && !report.interrupted && (gpus || !parts.cpu.empty()) && !reasons.empty())
    report.notes.push_back(fmt::format(
        "everything was skipped: {}{}", *reasons.begin(),
        reasons.size() > 1 ? fmt::format(" (and {} other reasons)", reasons.size() - 1) : ""));
  provenance.interrupted = report.interrupted;
  provenance.finished = utc_now();
  provenance.load_after = load_average();
  provenance.steal_seconds_after = steal_seconds();
  writer.finish(provenance);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

std::vector<ProbeLine> list_probes(const std::vector<std::string>& names) {
  std::vector<ProbeLine> lines;
  for (const auto* probe : select_probes(names)) lines.push_back({probe->name, probe->question});
  return lines;
}

}  // namespace limen::probes
