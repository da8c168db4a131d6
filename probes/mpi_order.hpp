// What our launcher asks of the ranks that it starts, beyond the command line: one variable in
// their environment.
#pragma once

#include <optional>
#include <string>

#include "probes/mpi_probes.hpp"

namespace limen::probes {

enum class MpiJob { measure, osu, decode };  // the collectives; beside OSU's method; decode steps

struct MpiOrder {
  MpiJob job = MpiJob::measure;
  double seconds = 0, precision = 0;
};

// "LIMEN_MPI_JOB=..." and back. Nothing if the variable is absent, as under a launcher that the
// user ran.
std::string to_environment(const MpiOrder& order);
std::optional<MpiOrder> order_from_environment();

// Of measuring with one set of ranks, where the plan leaves it open.
double default_seconds(const MpiPlan& plan);

}  // namespace limen::probes
