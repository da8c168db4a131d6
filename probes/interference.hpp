// What disturbed a visit as a whole: time stolen by the hypervisor, a core clock that differs from
// the rest of the run, more threads than processing units, CPUs that a hypervisor has moved.
//
// A virtual CPU is a thread of the host, which may put two of them on one chiplet or on two. On one
// they answer each other several times faster and share its link to the memory; on two it is the
// other way round. Nothing in the guest tells, but the time of a cache line from one to the other.
// It may also put both on one core, for a second or less: then they share its multipliers, and what
// all threads multiply together falls to half, while one alone is as fast as ever.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cpu/team.hpp"
#include "results/measurement.hpp"

namespace limen::probes {

// The core's clock now, in Hz: dependent additions, the best of three short runs.
double core_clock();

class Interference {
 public:
  Interference(int units, kernels::Team& team) : units_(units), team_(team) {}

  void begin();
  // Marks for every sample of the visit that ends now.
  std::uint32_t end(int threads);
  double fastest_clock() const { return fastest_; }

 private:
  int units_;
  kernels::Team& team_;
  double steal_ = 0, clock_ = 0, fastest_ = 0, line_ = 0, together_ = 0;
  std::vector<double> clocks_, lines_, togethers_;  // of the visits so far
};

// True if `value` is more than a share away from the median of `others`; few others prove nothing.
bool differs(double value, const std::vector<double>& others, double share);

// Seconds that a cache line takes from the first thread of a team to the second; 0 in a team of
// one.
double line_time(kernels::Team& team);

// Multiply-adds of a team, all of it at once, in FLOP/s (fp32): the best of three runs of some 30
// us.
double multiplied_together(kernels::Team& team);
// A rate of theirs below this share of the usual one is that of cores that are shared.
constexpr double own_cores = 0.65;

}  // namespace limen::probes
