// A common clock for the ranks: how far each rank's clock is ahead of rank 0's, from ping-pongs,
// with a bound.
//
// A round trip brackets the remote reading: remote - offset lies between sent and received on rank
// 0's clock. The narrowest of many round trips has the tightest bracket, and its midpoint is off by
// at most half its length. Offsets taken before and after a batch give the drift in between. Ranks
// under one kernel read the same clock, so there an offset that its own bound cannot tell from zero
// is zero; but it is measured, for time namespaces shift clocks too.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <vector>

namespace limen::probes {

// Nanoseconds of CLOCK_MONOTONIC. Through the vDSO this is the TSC, about 20 ns a reading.
std::int64_t clock_now();

struct Exchange {
  std::int64_t sent = 0, remote = 0, received = 0;  // the first and last on rank 0's clock
};

struct ClockOffset {
  double at = 0;      // when, on rank 0's clock (ns)
  double offset = 0;  // remote clock minus rank 0's (ns)
  double error = 0;   // bound of the offset: half the round trip (ns), or 0 under one clock
  double trip = 0;    // half the round trip, in any case (ns)
};

// From the narrowest exchange; there must be one.
ClockOffset estimate_offset(const std::vector<Exchange>& exchanges);

// The line through two estimates turns a remote reading into rank 0's clock.
class ClockModel {
 public:
  ClockModel() = default;  // the same clock
  ClockModel(const ClockOffset& before, const ClockOffset& after)
      : before_(before), after_(after) {}
  double to_common(std::int64_t remote) const;
  double error() const { return before_.error > after_.error ? before_.error : after_.error; }

 private:
  ClockOffset before_, after_;
};

// Collective. At rank 0: the offset of every rank, its own being zero. Empty at the others.
// `same_kernel` has an entry a rank and is only read at rank 0.
std::vector<ClockOffset> synchronize(MPI_Comm comm, const std::vector<bool>& same_kernel);

// Collective. At rank 0: which ranks share its memory, and so its kernel and its clock. Empty at
// the others.
std::vector<bool> ranks_beside_root(MPI_Comm comm);

}  // namespace limen::probes
