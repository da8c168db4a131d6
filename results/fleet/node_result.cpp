#include "results/fleet/node_result.hpp"

#include <fmt/format.h>

#include "model/error.hpp"
#include "results/statistics.hpp"
#include "results/text.hpp"

namespace limen::results::fleet {

namespace {

std::string gigabytes(std::int64_t bytes) {
  return bytes > 0 ? fmt::format("{:.0f}", static_cast<double>(bytes) / 1e9) : "";
}

Facts facts_of(const Provenance& p) {
  return {{gigabytes(p.memory_bytes), gigabytes(p.memory_limit_bytes),
           p.cpu_limit > 0 ? fmt::format("{:g}", p.cpu_limit) : "",
           p.processing_units.empty() ? "" : std::to_string(p.processing_units.size()),
           p.gpus.empty() ? "" : std::to_string(p.gpus.size()), p.gpu_driver, p.microcode, p.kernel,
           p.governor, p.turbo, p.smt, p.transparent_huge_pages, p.numa_balancing, p.hypervisor,
           p.version, p.mpi_library}};
}

// Counts marks over all samples of a run.
class Counted {
 public:
  void add(const Samples& samples) {
    for (const Visit& visit : samples.visits) {
      all_ += static_cast<double>(visit.seconds.size());
      for (const std::uint32_t marks : visit.marks) {
        throttled_ += (marks & throttled) != 0;
        clock_changed_ += (marks & clock_changed) != 0;
        stolen_ += (marks & stolen) != 0;
        context_switch_ += (marks & context_switch) != 0;
      }
    }
  }
  Marks shares() const {
    if (all_ == 0) return {};
    return {throttled_ / all_, clock_changed_ / all_, stolen_ / all_, context_switch_ / all_};
  }

 private:
  double all_ = 0, throttled_ = 0, clock_changed_ = 0, stolen_ = 0, context_switch_ = 0;
};

double value_of(Unit unit, const model::Work& work, double seconds) {
  switch (unit) {
    case Unit::bytes_per_second:
      return work.moved().in(model::bytes) / seconds;
    case Unit::flops_per_second:
      return work.flops.in(model::flops) / seconds;
    case Unit::seconds:
      break;
  }
  return seconds;
}

}  // namespace

NodeResult node_result(const Run& run) {
  const Provenance& p = run.provenance;
  NodeResult node;
  node.run = run.directory.string();
  node.host = p.host;
  node.cpu = p.cpu_model;
  node.gpu = p.gpu_model;
  node.started = p.started;
  node.finished = !p.interrupted && (!p.finished.empty() || !p.imported.empty());
  node.facts = facts_of(p);
  node.node_hosts = p.node_hosts;
  node.warnings = run.warnings;
  if (node.host.empty()) throw Error(node.run + ": names no host; it cannot be told from others");
  Counted counted;
  for (const Measurement& m : run.measurements) {
    if (p.gpu_emulated && m.probe.rfind("gpu.", 0) == 0) continue;
    if (const auto* invalid = std::get_if<Invalid>(&m.outcome))
      node.invalid.push_back(
          fmt::format("{} {}: {}", m.probe, results::describe(m.parameters), invalid->reason));
    const auto* samples = std::get_if<Samples>(&m.outcome);
    if (!samples || samples->visits.empty()) continue;
    const Unit unit = unit_of(m.probe, m.work);
    node.figures.push_back(
        {{m.probe, m.parameters, unit}, value_of(unit, m.work, median_of(pooled(*samples)))});
    counted.add(*samples);
  }
  if (node.figures.empty()) throw Error(node.run + ": holds no figure; measure again");
  node.marks = counted.shares();
  return node;
}

}  // namespace limen::results::fleet
