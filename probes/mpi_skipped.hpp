// The verdicts of a run whose MPI probes could not run: one a probe, so that the reason is in the
// results.
#pragma once

#include <filesystem>
#include <string>

#include "results/store.hpp"

namespace limen::probes {

inline void write_mpi_skipped(const std::filesystem::path& run_directory,
                              const std::string& reason) {
  results::RunWriter writer = results::RunWriter::append_to(run_directory);
  for (const char* probe : {"mpi.allreduce", "mpi.pingpong", "mpi.barrier"}) {
    writer.verdict(probe, {{"ranks", std::int64_t{2}}}, {}, results::Skipped{reason});
  }
}

}  // namespace limen::probes
