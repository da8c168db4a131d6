// Streaming through memory: what bandwidth a thread gets when it does nothing else.
//
// Claims, for arrays of n words of 8 bytes. read: reads 8n bytes, adds them (integers, modulo 2^64)
// and returns the sum, so that no word can be left out unnoticed. write: writes 8n bytes. copy:
// reads 8n, writes 8n. triad, a[i] = b[i] + s * c[i] in double: reads 16n, writes 8n, 2n flops.
//
// Write-allocate traffic is not claimed: non-temporal stores avoid it, ordinary stores cause it
// (calibration's affair).
//
// read walks the four quarters of the array at the same pace: the prefetchers follow four distant
// streams faster than one. The other kernels walk two halves. Pointers are 8-byte aligned; 64 is
// faster, and non-temporal stores need it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "model/work.hpp"

namespace limen::kernels {

enum class Stream { read, write, copy, triad };
enum class Stores { ordinary, non_temporal };

const char* name(Stream kernel);
constexpr std::size_t arrays(Stream kernel) {
  return kernel == Stream::triad ? 3 : kernel == Stream::copy ? 2 : 1;
}
model::Work stream_work(Stream kernel, std::size_t words);

std::uint64_t stream_read(const std::uint64_t* from, std::size_t words);
void stream_write(std::uint64_t* to, std::size_t words, std::uint64_t value, Stores stores);
void stream_copy(std::uint64_t* to, const std::uint64_t* from, std::size_t words, Stores stores);
void stream_triad(double* a, const double* b, const double* c, double s, std::size_t words,
                  Stores stores);

// Stores bypass the caches when a thread's arrays together are this large or larger; smaller
// working sets are meant to stay in a cache.
inline constexpr std::size_t non_temporal_from = std::size_t{8} << 20;

// Checks a kernel on `words` small integers against a plain loop; empty, or what is wrong.
std::string verify_stream(Stream kernel, std::size_t words, Stores stores);

}  // namespace limen::kernels
