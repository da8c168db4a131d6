// What the ranks measure: every probe at every size and on every set of ranks, and the operation
// behind each.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/mpi/operation.hpp"
#include "probes/mpi_subsets.hpp"
#include "results/measurement.hpp"

namespace limen::probes {

struct MpiCase {
  std::string probe;
  RankSubset subset;
  std::int64_t bytes = 0;  // of the message; a barrier has none

  int ranks() const { return static_cast<int>(subset.ranks.size()); }
  // ranks, bytes, and how many nodes and sockets a node the ranks take where it is more than one.
  results::Parameters parameters() const;
  // Of the samples that the barrier method gave for the same case.
  results::Parameters between_barriers() const;
  // It says nothing about two ranks that wait for each other, and little about long messages.
  bool has_barrier_method() const;
  model::Work work() const;
  // `comm` has the ranks of the subset. Buffers are new each time, so that luck with pages differs
  // between visits.
  std::unique_ptr<kernels::mpi::Operation> operation(MPI_Comm comm) const;
};

// 8 B (two floats) up to 16 MiB, each `step` times the one before.
std::vector<std::int64_t> message_sizes(int step = 2);

// Those probes of `names` that MPI ranks measure (a family stands for its members; no name: all).
// All-reduce and ping-pong at every power of two (if quick, of 4 on more than two ranks); the
// others at powers of 4, or, if quick, of 16 up to 1 MiB. What takes two ranks appears only on
// subsets of two; a vector has an element for each rank.
std::vector<MpiCase> mpi_cases(const std::vector<RankSubset>& subsets, bool quick = false,
                               const std::vector<std::string>& names = {});

}  // namespace limen::probes
