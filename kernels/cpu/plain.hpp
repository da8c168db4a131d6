// Loops as most people write them, to compare ours with: one stream, the compiler's or Highway's
// vectors, no tricks. Claims: plain_read reads 8 bytes a word; plain_triad reads 16 and writes 8
// (STREAM's rule of counting).
#pragma once

#include <cstddef>
#include <cstdint>

namespace limen::kernels {

// One stream from start to end, eight vector accumulators.
std::uint64_t plain_read(const std::uint64_t* from, std::size_t words);
// STREAM's triad: ordinary stores.
void plain_triad(double* a, const double* b, const double* c, double s, std::size_t words);

}  // namespace limen::kernels
