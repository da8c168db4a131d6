// What the ranks measure: every probe at every size and number of ranks, and the operation behind
// each.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/mpi/operation.hpp"
#include "results/measurement.hpp"

namespace limen::probes {

inline constexpr const char* mpi_allreduce = "mpi.allreduce";
inline constexpr const char* mpi_pingpong = "mpi.pingpong";
inline constexpr const char* mpi_barrier = "mpi.barrier";

struct MpiCase {
  std::string probe;
  int ranks = 2;
  std::int64_t bytes = 0;  // of the message; a barrier has none

  results::Parameters parameters() const;
  model::Work work() const;
  // `comm` has `ranks` ranks. Buffers are new each time, so that luck with pages differs between
  // visits.
  std::unique_ptr<kernels::mpi::Operation> operation(MPI_Comm comm) const;
};

// Sizes are 8 B (two floats), 16 B ... 16 MiB. The ping-pong needs two ranks and appears only with
// that count.
std::vector<std::int64_t> message_sizes();
std::vector<MpiCase> mpi_cases(const std::vector<int>& rank_counts);

// 2, 4, 8 ... and `ranks` itself; none below 2.
std::vector<int> rank_counts_up_to(int ranks);

}  // namespace limen::probes
