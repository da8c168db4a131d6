// Decode steps over tensor-parallel ranks that are processes of their own: what starts them, and
// what each does.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "probes/decode.hpp"
#include "probes/mpi_probes.hpp"

namespace limen::probes {

// In a plain process: as decode_here(), or on GPUs that the options name, a process for each.
std::vector<std::vector<DecodeTimes>> run_mpi_decode(const std::vector<DecodeOrder>& orders,
                                                     const DecodeOptions& options, int ranks,
                                                     std::string& note);

// How the two halves talk: files in a folder.
void write_decode_orders(const std::filesystem::path& directory,
                         const std::vector<DecodeOrder>& orders, const DecodeOptions& options);
std::filesystem::path decode_times_file(const std::filesystem::path& directory);
std::vector<std::vector<DecodeTimes>> read_decode_times(const std::filesystem::path& directory);

// In a rank: collective. Reads what is asked from the folder, and rank 0 writes the times there. On
// the CPU, or on the device that the options name for this rank; `gpus` as in MpiPlan.
void decode_as_rank(const std::filesystem::path& directory, int rank, int ranks,
                    const OpenBackend& gpus = nullptr);

}  // namespace limen::probes
