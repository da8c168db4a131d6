// The gate for GPUs: measurements that the memory of the device cannot have delivered.
#pragma once

#include <cstddef>
#include <vector>

#include "results/gate.hpp"

namespace limen::results {

struct GpuLimits {
  double bandwidth = 0;  // of the memory by its clock and its bus, bytes/s; 0: unknown
  double cache = 0;      // bytes of the last cache
};

// Looks at gpu.stream whose working set outgrows the cache four times, and at gpu.gemv and
// gpu.attention with residence=cold: none moves more than the bandwidth (and 5 % for clocks).
std::vector<Refused> gpu_gate(const std::vector<Measurement>& measurements,
                              const GpuLimits& limits);

}  // namespace limen::results
