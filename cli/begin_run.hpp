// Where `limen run` and `limen probe` measure into: a new folder, or that of a run that goes on.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "probes/run_probes.hpp"
#include "results/run_lock.hpp"
#include "results/store.hpp"

namespace limen::cli {

struct Place {
  std::string output, resume;
  bool per_host = false;
};
void add_place(CLI::App& command, Place& place);

struct Begun {
  std::filesystem::path directory;     // empty until writer() if none was named
  results::Provenance provenance;      // of a run that goes on: its own
  std::optional<results::Run> before;  // what it holds
  std::optional<results::RunLock> lock;
  // Makes the run, or opens it for more.
  results::RunWriter writer();
  const results::Run* goes_on_with() const { return before ? &*before : nullptr; }
};

// Changes the plan to that of the run that goes on. `command` knows which options were given. Error
// if they do not fit it, or there is none, or another process measures into it. A rank that does
// not lead its job writes nothing, may be on another host, and only learns the plan.
Begun begin_run(const Place& place, probes::PlanOptions& plan, const CLI::App& command, bool leads);

}  // namespace limen::cli
