// mpi-P.json beside run.json: what a job of P ranks says about itself, and how well its ranks
// started together.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "probes/mpi_probes.hpp"

namespace limen::probes {

std::filesystem::path mpi_facts_file(const std::filesystem::path& run_directory, int ranks);

// Whole or not at all, by rename. Error if the disk refuses.
void write_json(const std::filesystem::path& file, const nlohmann::json& value);

}  // namespace limen::probes
