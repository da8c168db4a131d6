#include "calibration/calibrate.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "calibration/laws.hpp"
#include "model/error.hpp"

namespace limen::calibration {

double rms(const std::vector<double>& errors) {
  double squares = 0;
  for (double e : errors) squares += e * e;
  return errors.empty() ? 0 : std::sqrt(squares / static_cast<double>(errors.size()));
}

void report_law(Draft& draft, const std::string& law, std::vector<double> errors,
                std::optional<double> held_out) {
  if (errors.empty()) return;
  for (double& e : errors) e = std::abs(e);
  std::sort(errors.begin(), errors.end());
  draft.laws.push_back(
      {law, errors.size(), results::quantile_of_sorted(errors, 0.5), errors.back(), held_out});
}

std::optional<double> held_out_error(
    const std::vector<int>& group,
    const std::function<std::vector<double>(const std::vector<bool>&)>& errors) {
  const std::set<int> groups(group.begin(), group.end());
  if (groups.size() < 2) return {};
  double squares = 0;
  for (int out : groups) {
    std::vector<bool> keep(group.size());
    for (std::size_t i = 0; i < group.size(); ++i) keep[i] = group[i] != out;
    const std::vector<double> all = errors(keep);
    for (std::size_t i = 0; i < group.size(); ++i)
      if (!keep[i]) squares += all[i] * all[i];
  }
  return std::sqrt(squares / static_cast<double>(group.size()));
}

namespace {

std::string names_of(const std::vector<results::Run>& runs) {
  if (runs.size() > 3)
    return fmt::format("{} runs, the first {}", runs.size(), runs[0].directory.filename().string());
  std::string names;
  for (const results::Run& run : runs) {
    const auto path = run.directory.has_filename() ? run.directory : run.directory.parent_path();
    names += (names.empty() ? "run " : ", ") + path.filename().string();
  }
  return names;
}

// GPUs of the runs: of each the number that all have, and the memory of the smallest.
void add_gpus(const std::vector<results::Run>& runs, Draft& draft) {
  std::size_t devices = 0;
  std::int64_t least = 0;
  for (const results::Run& run : runs) {
    const auto& memory = run.provenance.gpu_memory_bytes;
    if (memory.empty()) continue;
    devices = devices == 0 ? memory.size() : std::min(devices, memory.size());
    const auto smallest = *std::min_element(memory.begin(), memory.end());
    least = least == 0 ? smallest : std::min(least, smallest);
  }
  draft.machine.devices = static_cast<int>(std::max<std::size_t>(1, devices));
  draft.machine.ranks_per_device = 1;
  if (least == 0) {
    draft.machine.unidentified.emplace_back(
        "memory.capacity: the runs do not say how much memory a GPU has");
    return;
  }
  draft.machine.memory_capacity = model::Parameter<model::Bytes>::exact(
      model::bytes(static_cast<double>(least)), model::Evidence::measured, draft.source);
}

// The hosts of the largest job over several are the devices, and its ranks share them. False if
// there was no such job.
bool add_hosts(const std::vector<results::Run>& runs, Draft& draft) {
  const results::Provenance* largest = nullptr;
  for (const results::Run& run : runs)
    if (run.provenance.hosts > 1 && (!largest || run.provenance.hosts > largest->hosts))
      largest = &run.provenance;
  if (!largest) return false;
  draft.machine.devices = largest->hosts;
  draft.machine.ranks_per_device = std::max(1, largest->ranks / largest->hosts);
  return true;
}

// The memory of the smallest host: installed, or what its cgroup leaves.
void add_capacity(const std::vector<results::Run>& runs, Draft& draft) {
  std::int64_t least = 0;
  for (const results::Run& run : runs) {
    std::int64_t bytes = run.provenance.memory_bytes;
    const std::int64_t limit = run.provenance.memory_limit_bytes;
    if (limit > 0 && (bytes <= 0 || limit < bytes)) bytes = limit;
    if (bytes > 0 && (least == 0 || bytes < least)) least = bytes;
  }
  if (least == 0) {
    draft.machine.unidentified.emplace_back(
        "memory.capacity: the runs do not say how much memory there is");
    return;
  }
  draft.machine.memory_capacity = model::Parameter<model::Bytes>::exact(
      model::bytes(static_cast<double>(least)), model::Evidence::measured, draft.source);
}

}  // namespace

Calibration calibrate(const std::vector<results::Run>& runs, const std::string& name,
                      Subject subject) {
  Observations observed = gather(runs);
  const bool gpus = subject == Subject::gpu || (subject == Subject::whatever && has_gpus(observed));
  if (gpus && !has_gpus(observed))
    throw Error(
        fmt::format("no GPU to calibrate from: no valid samples of gpu.stream in {} (limen "
                    "show lists why)",
                    names_of(runs)));
  if (gpus) {
    observed = as_devices(observed);
  } else if (runs[0].provenance.imported.empty()) {  // what was imported stands for the machine
    std::erase_if(observed.all, [](const Observation& o) { return o.probe.rfind("gpu.", 0) == 0; });
  }
  if (observed.all.empty())
    throw Error(
        fmt::format("nothing to calibrate from: no valid samples in {} (limen show lists why)",
                    names_of(runs)));
  Calibration draft;
  draft.source = names_of(runs);
  draft.notes = observed.notes;
  const results::Provenance& first = runs[0].provenance;
  draft.machine.name = !name.empty() ? name : !first.host.empty() ? first.host : "measured";
  if (gpus) {
    draft.machine.description = first.gpu_model;
    add_gpus(runs, draft);
    fit_memory(observed, draft);
    fit_gpu_peaks(observed, draft);
    fit_energy(observed, draft);
    fit_linear(observed, draft);
    fit_sync(observed, draft);
    fit_collectives(observed, draft);
    return draft;
  }
  draft.machine.description = first.cpu_model.empty() && !first.imported.empty()
                                  ? first.imported[0].device
                                  : first.cpu_model;
  if (!add_hosts(runs, draft))
    draft.machine.ranks_per_device =
        std::max(1, observed.processing_units > 0
                        ? observed.processing_units
                        : static_cast<int>(largest(observed.of("memory.stream"), "threads")));
  add_capacity(runs, draft);
  fit_memory(observed, draft);
  fit_peaks(observed, draft);
  fit_linear(observed, draft);
  fit_sync(observed, draft);
  fit_collectives(observed, draft);
  return draft;
}

}  // namespace limen::calibration
