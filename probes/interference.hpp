// What disturbed a visit as a whole: time stolen by the hypervisor, a core clock that differs from
// the rest of the run, more threads than processing units.
#pragma once

#include <cstdint>
#include <vector>

#include "results/measurement.hpp"

namespace limen::probes {

// The core's clock now, in Hz: dependent additions, the best of three short runs.
double core_clock();

class Interference {
 public:
  explicit Interference(int units) : units_(units) {}

  void begin();
  // Marks for every sample of the visit that ends now.
  std::uint32_t end(int threads);
  double fastest_clock() const { return fastest_; }

 private:
  int units_;
  double steal_ = 0, clock_ = 0, fastest_ = 0;
  std::vector<double> clocks_;  // of the visits so far
};

// True if `clock` is more than a tenth away from the median of `others`; few others prove nothing.
bool clock_differs(double clock, const std::vector<double>& others);

}  // namespace limen::probes
