// A figure of a node: one number that stands for all samples of one case, in the unit that suits
// it.
#pragma once

#include <string>
#include <tuple>

#include "results/measurement.hpp"

namespace limen::results::fleet {

enum class Unit { seconds, bytes_per_second, flops_per_second };
inline bool more_is_better(Unit unit) { return unit != Unit::seconds; }
const char* name_of(Unit unit);  // "s", "B/s", "FLOP/s"

// Which part of a machine a figure tells of. `other`: of several, or of one that is not known.
enum class Part {
  other,
  memory,      // rate, all threads
  latency,     // of memory
  cache,       // rate and latency of the first level: they follow the clock
  compute,     // from registers
  link,        // between ranks
  gpu_memory,  // rate
  gpu_compute,
  gpu_link,  // between host and GPUs, and between GPUs
};

struct Figure {
  std::string probe;
  Parameters parameters;
  Unit unit = Unit::seconds;
  Part part = Part::other;
};
inline bool operator<(const Figure& a, const Figure& b) {
  return std::tie(a.probe, a.parameters) < std::tie(b.probe, b.parameters);
}
inline bool operator==(const Figure& a, const Figure& b) {
  return a.probe == b.probe && a.parameters == b.parameters;
}

// "memory.stream kernel=read threads=64"
std::string describe(const Figure& figure);

// Nodes between which it was measured; 1 if it is of one.
std::int64_t nodes_of(const Figure& figure);

// How the times of a case are best told: as the rate of its arithmetic or of its bytes, or as they
// are.
Unit unit_of(const std::string& probe, const model::Work& work);

// Sets the part of each of the figures of one kind of machine. The largest working sets are taken
// for memory, the smallest for the first cache; memory rates count with all threads alone, since
// one thread does not use up what the memory has.
void set_parts(std::vector<Figure>& figures);

}  // namespace limen::results::fleet
