// The timed part of a batch: repetitions in short series, each announced by rank 0.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <vector>

#include "kernels/mpi/operation.hpp"
#include "probes/mpi_clock.hpp"
#include "probes/mpi_window.hpp"

namespace limen::probes {

// What rank 0 plans for a batch, in nanoseconds. A rank that lost its CPU for a few milliseconds is
// a thousand small windows behind, so the start is announced anew after each short series.
struct Schedule {
  std::int64_t window = 0;       // between two starts
  std::int64_t repetitions = 0;  // of the batch
  std::int64_t series = 0;       // repetitions after one announcement
  std::int64_t usual = 0;        // what an execution takes, roughly
  std::int64_t lead = 0;         // between an announcement and the first start
};
Schedule plan_batch(const BatchLimits& limits, std::int64_t usual, double clock_error, int ranks);

struct Reading {
  std::int64_t enter, exit, switches;  // switches: how often the kernel took the CPU away
};

// Collective. The schedule and the offsets (one a rank) are rank 0's, which also gets the `starts`,
// one a repetition, on its clock. Every rank gets its own readings, on its own clock.
std::vector<Reading> execute(kernels::mpi::Operation& operation, MPI_Comm comm,
                             const Schedule& schedule, const std::vector<ClockOffset>& offsets,
                             std::vector<std::int64_t>& starts);

}  // namespace limen::probes
