// The verdicts of a run whose MPI probes could not run: one a probe, so that the reason is in the
// results.
#pragma once

#include <filesystem>
#include <string>

#include "probes/mpi_names.hpp"
#include "results/store.hpp"

namespace limen::probes {

inline void write_devices_skipped(results::RunWriter& writer, const std::string& reason,
                                  results::Parameters parameters,
                                  const std::vector<std::string>& names) {
  parameters["memory"] = std::string("device");
  for (const MpiProbeName& probe : device_probe_names)
    if (is_named(probe, names))
      writer.verdict(probe.name, parameters, {}, results::Skipped{reason});
}

inline void write_mpi_skipped(const std::filesystem::path& run_directory, const std::string& reason,
                              const std::vector<std::string>& names) {
  results::RunWriter writer = results::RunWriter::append_to(run_directory);
  const results::Parameters parameters{{"ranks", std::int64_t{2}}};
  for (const MpiProbeName& probe : mpi_probe_names)
    if (is_named(probe, names))
      writer.verdict(probe.name, parameters, {}, results::Skipped{reason});
  write_devices_skipped(writer, reason, parameters, names);
}

}  // namespace limen::probes
