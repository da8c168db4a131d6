// What the ranks measure: every probe at every size and on every set of ranks, and the operation
// behind each.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/mpi/operation.hpp"
#include "probes/mpi_subsets.hpp"
#include "results/measurement.hpp"

namespace limen::probes {

struct MpiCase;

// What makes the operations between memories of devices (mpi_devices.hpp).
class DeviceCases {
 public:
  virtual ~DeviceCases() = default;
  virtual std::unique_ptr<kernels::mpi::Operation> operation(const MpiCase& c, MPI_Comm comm) = 0;
  virtual std::uint32_t marks() = 0;  // what is to be said of samples of this rank's device
};

// Why a case cannot run here, thrown at every rank of its subset alike.
class CannotRun : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct MpiCase {
  std::string probe;
  RankSubset subset;
  std::int64_t bytes = 0;  // of the message; a barrier has none
  // Between memories of devices: by MPI, NCCL or one of our all-reduces; as a call or in a graph.
  std::string by{}, sent{};
  DeviceCases* devices = nullptr;  // null: between memories of the host

  int ranks() const { return static_cast<int>(subset.ranks.size()); }
  // ranks, bytes, and how many nodes and sockets a node the ranks take where it is more than one;
  // of device.*, which are never pooled with others, also memory=device, by and sent.
  results::Parameters parameters() const;
  // Of the samples that the barrier method gave for the same case.
  results::Parameters between_barriers() const;
  // It says nothing about two ranks that wait for each other, and little about long messages.
  bool has_barrier_method() const;
  model::Work work() const;
  // `comm` has the ranks of the subset; collective. Buffers are new each time, so that luck with
  // pages differs between visits. CannotRun, at all ranks, if there is too little memory for one.
  std::unique_ptr<kernels::mpi::Operation> operation(MPI_Comm comm) const;
};

// As MPI itself does it, between vectors in that memory.
std::unique_ptr<kernels::mpi::Operation> by_library(const MpiCase& c, MPI_Comm comm,
                                                    kernels::mpi::Memory& memory);

// 8 B (two floats) up to 16 MiB, each `step` times the one before.
std::vector<std::int64_t> message_sizes(int step = 2);

// Those probes of `names` that MPI ranks measure (a family stands for its members; no name: all).
// All-reduce and ping-pong at every power of two (if quick, of 4 on more than two ranks); the
// others at powers of 4, or, if quick, of 16 up to 1 MiB. What takes two ranks appears only on
// subsets of two; a vector has an element for each rank.
std::vector<MpiCase> mpi_cases(const std::vector<RankSubset>& subsets, bool quick = false,
                               const std::vector<std::string>& names = {});

}  // namespace limen::probes
