// Our timing of the all-reduce beside that of the OSU micro-benchmarks, in one job, in random
// turns.
#pragma once

#include <filesystem>

#include "model/error.hpp"
#include "probes/mpi_probes.hpp"
#include "probes/mpi_world.hpp"

namespace limen::probes {

// Collective. Rank 0 writes mpi-osu.json into the folder: an array of {bytes, median, p10,
// osu_mean}.
Exit compare_with_osu(const MpiPlan& plan, const std::filesystem::path& directory,
                      const MpiWorld& world);

}  // namespace limen::probes
