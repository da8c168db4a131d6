// Going on with a run that was stopped: it remembers what it was to measure, and where.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "probes/run_probes.hpp"
#include "results/store.hpp"

namespace limen::probes {

// Writes the plan into the provenance of a run that begins.
void remember(const PlanOptions& plan, results::Provenance& provenance);

// The options that a run remembers, by the names that they have on the command line ("budget").
std::vector<std::string> remembered_options();

// The plan of a run that goes on: the one that it began with. `given` are the options of `now` that
// were named on the command line. Error if one of them differs from the plan, or the run remembers
// none. `directory` opens every error.
PlanOptions recall(const results::Provenance& before, const std::filesystem::path& directory,
                   const PlanOptions& now, const std::set<std::string>& given);

// Error if it was begun on another host, CPU or number of CPUs, or by another limen, than those of
// `here`.
void check_same_place(const results::Provenance& before, const std::filesystem::path& directory,
                      const results::Provenance& here);

}  // namespace limen::probes
