// Timing of an operation between ranks by windows on a common clock: from the last rank in to the
// last rank out.
//
// Timing between barriers counts how unevenly the barrier lets ranks go, which for small messages
// is most of the figure. Instead, after Hoefler's NBCBench and Hunold's ReproMPI: rank 0 announces
// when each repetition begins, every rank spins on its own clock until then and notes when it
// entered and left, and nothing is sent until the batch is over. Then
//
//   time of a repetition = latest exit over ranks - latest entry over ranks
//
// on rank 0's clock: what the operation takes once everybody is there. The window between two
// starts is longer than the operation, so that one repetition cannot delay the next. If it does, or
// the kernel took a CPU away, then a rank enters behind the start and the sample says so
// (late_start). One repetition is one sample: nothing is averaged.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/mpi/operation.hpp"
#include "probes/mpi_clock.hpp"
#include "results/measurement.hpp"

namespace limen::probes {

// One rank in one repetition, in nanoseconds after the announced start, on the common clock.
struct Stamp {
  double enter = 0, exit = 0;
  std::uint32_t marks = 0;
};

struct Repetitions {
  std::vector<double> seconds, skew_seconds;  // skew: latest minus earliest entry
  std::vector<std::uint32_t> marks;
  std::size_t late = 0;
  std::size_t left_early = 0;  // repetitions in which some rank left before the last one entered
};

// table[rank][repetition]. Late: an entry beyond `tolerance`; early: an exit by more than
// `clock_error` too soon (ns).
Repetitions last_in_to_last_out(const std::vector<std::vector<Stamp>>& table, double tolerance,
                                double clock_error);

struct BatchLimits {
  double seconds = 0.03;  // of all windows together
  int min_samples = 5, max_samples = 250;
  double stretch = 1;  // of the window, beyond what the estimate asks for
};

struct Batch {
  results::Visit visit;  // `at` is left to the caller
  std::vector<double> skew_seconds;
  std::size_t late = 0, left_early = 0;
  double clock_error = 0;   // seconds; 0 for ranks under one clock
  results::Visit barriers;  // by the barrier method, if it was asked for
};

class WindowTimer {
 public:
  // Collective. `standing_marks` go on every sample.
  WindowTimer(MPI_Comm comm, std::uint32_t standing_marks);

  // Collective; the result is rank 0's, whose limits count.
  Batch time(kernels::mpi::Operation& operation, const BatchLimits& limits);

  // Collective; the result is rank 0's. The method of the OSU benchmarks, beside ours: a barrier,
  // then each rank times itself; a sample is the mean over ranks of one repetition. For a third of
  // the time of a batch, of an operation that was timed before.
  results::Visit time_between_barriers(kernels::mpi::Operation& operation,
                                       const BatchLimits& limits);

 private:
  MPI_Comm comm_;
  int rank_ = 0, ranks_ = 0;
  std::uint32_t standing_marks_;
  std::int64_t usual_ = 1000;  // ns that an execution took when it was last timed; rank 0 knows
  std::vector<bool> beside_root_;
  std::vector<double> trips_;  // of a message within the host, before and after each batch (ns)

  bool moved(const std::vector<ClockOffset>& offsets);
};

}  // namespace limen::probes
