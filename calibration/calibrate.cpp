#include "calibration/calibrate.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "calibration/laws.hpp"
#include "model/error.hpp"

namespace limen::calibration {

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

Calibration calibrate(const std::vector<results::Run>& runs, const std::string& name) {
  const Observations observed = gather(runs);
  if (observed.all.empty())
    throw Error(
        fmt::format("nothing to calibrate from: no valid samples in {} (limen show lists why)",
                    names_of(runs)));
  Calibration draft;
  draft.source = names_of(runs);
  draft.notes = observed.notes;
  const results::Provenance& first = runs[0].provenance;
  draft.machine.name = !name.empty() ? name : !first.host.empty() ? first.host : "measured";
  draft.machine.description = first.cpu_model.empty() && !first.imported.empty()
                                  ? first.imported[0].device
                                  : first.cpu_model;
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
