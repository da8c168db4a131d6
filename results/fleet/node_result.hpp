// What a fleet keeps of one run: a number for each case, and what its samples and its host say
// about them. The samples themselves are dropped, so that thousands of runs fit into memory.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "results/fleet/figure.hpp"
#include "results/provenance.hpp"
#include "results/store.hpp"

namespace limen::results::fleet {

// Facts that nodes of one kind should share; one that differs is evidence.
struct Facts {
  static constexpr std::array<const char*, 16> names{"memory installed (GB)",
                                                     "memory limit (GB)",
                                                     "CPU limit",
                                                     "processing units",
                                                     "GPUs",
                                                     "GPU driver",
                                                     "microcode",
                                                     "kernel",
                                                     "governor",
                                                     "turbo",
                                                     "SMT",
                                                     "transparent huge pages",
                                                     "NUMA balancing",
                                                     "hypervisor",
                                                     "limen",
                                                     "MPI"};
  std::array<std::string, names.size()> values;
};
inline constexpr std::size_t fact_memory = 0;  // its place among the names

// Shares of samples (0..1) that carry a mark, of all cases.
struct Marks {
  double throttled = 0, clock_changed = 0, stolen = 0, context_switch = 0;
};

struct NodeResult {
  std::string run;             // its folder
  std::string host, cpu, gpu;  // models; empty text: unknown
  std::string started;
  bool finished = true;  // false: killed or interrupted; what was measured is used
  Facts facts;
  Marks marks;
  std::vector<std::pair<Figure, double>> figures;  // in the unit of the figure
  std::vector<std::string> node_hosts;             // of exchanges: one of n nodes is of the first n
  std::vector<std::string> invalid;                // cases that ran and were wrong, with the reason
  std::vector<std::string> warnings;
};

// The medians of a run. Times of emulated GPUs are left out. Error if the run names no host or
// holds no figure.
NodeResult node_result(const Run& run);

}  // namespace limen::results::fleet
