// The verdicts of a run whose MPI probes could not run: one a probe, so that the reason is in the
// results.
#pragma once

#include <filesystem>
#include <string>

#include "probes/mpi_names.hpp"
#include "results/store.hpp"

namespace limen::probes {

inline void write_mpi_skipped(const std::filesystem::path& run_directory, const std::string& reason,
                              const std::vector<std::string>& names) {
  results::RunWriter writer = results::RunWriter::append_to(run_directory);
  for (const MpiProbeName& probe : mpi_probe_names)
    if (is_named(probe, names))
      writer.verdict(probe.name, {{"ranks", std::int64_t{2}}}, {}, results::Skipped{reason});
}

}  // namespace limen::probes
