// Under a launcher (mpirun, srun) the same command runs once a rank: all of them measure the
// collectives of the job.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/error.hpp"
#include "probes/mpi_probes.hpp"
#include "probes/run_probes.hpp"
#include "results/store.hpp"

namespace limen::cli {

// The rank that this process is of a job of several; nothing in a plain process or a job of one.
std::optional<probes::Launch> rank_of_job();

// The ranks measure what is between them; everything else is measured by one process.
struct Asked {
  bool of_ranks = false, of_us = false;
};
// By these names of probes; all of them if there is none.
Asked asked(const std::vector<std::string>& names);

// What the ranks measure in such a plan.
probes::MpiPlan mpi_plan(const probes::PlanOptions& plan);

// Takes part in the collectives. Rank 0 must have made the run; it goes on afterwards, on all cores
// of its host that it may use, whatever core the launcher bound it to. The exit code of the
// measurement.
Exit measure_as_rank(const probes::MpiPlan& plan, const std::filesystem::path& run_directory);

// Writes what the ranks of the run said of their job, if any did, into its provenance.
void add_job(const std::filesystem::path& run_directory, results::Provenance& provenance);

// Into the report: the cases that ranks measured.
void add_ranks(const results::Run& run, probes::ProbeReport& report);

// A line for each collective and number of ranks: the least message, from last in to last out and
// by the barrier method.
std::vector<std::string> compared_with_barriers(const results::Run& run);

}  // namespace limen::cli
