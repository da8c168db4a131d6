// Pointer chase: each load's address is the value of the load before, so its time is the latency of
// the memory.
//
// Claim: no bytes worth counting and no flops; the result is seconds a hop. The lines form one
// random cycle through the whole buffer (as Sattolo's algorithm would draw it), so no prefetcher
// can guess the next, and every line is visited.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace limen::kernels {

struct alignas(64) ChaseLine {
  const ChaseLine* next;
  std::uint64_t position;  // hops from the start; tells a checker where a chase must have ended
};

// Links `lines` lines into one random cycle and returns a start.
const ChaseLine* chase_link(ChaseLine* memory, std::size_t lines, std::uint64_t seed);
// Follows `hops` links.
const ChaseLine* chase(const ChaseLine* from, std::size_t hops);
// Empty, or what is wrong with the cycle: it must return to its start after `lines` hops and not
// before.
std::string verify_chase(const ChaseLine* start, std::size_t lines);

}  // namespace limen::kernels
