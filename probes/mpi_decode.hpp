// Decode steps over tensor-parallel ranks that are processes of their own: what starts them, and
// what each does.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "probes/decode.hpp"

namespace limen::probes {

// In a plain process: as decode_here().
std::vector<std::vector<DecodeTimes>> run_mpi_decode(const std::vector<DecodeOrder>& orders,
                                                     const DecodeOptions& options, int ranks,
                                                     std::string& note);

// How the two halves talk: files in a folder.
void write_decode_orders(const std::filesystem::path& directory,
                         const std::vector<DecodeOrder>& orders, const DecodeOptions& options);
std::filesystem::path decode_times_file(const std::filesystem::path& directory);
std::vector<std::vector<DecodeTimes>> read_decode_times(const std::filesystem::path& directory);

// In a rank: collective. Reads what is asked from the folder, and rank 0 writes the times there.
void decode_as_rank(const std::filesystem::path& directory, int rank, int ranks);

}  // namespace limen::probes
