// The gate: measurements that physics refuses. Rates that no core can reach (a loop that the
// compiler deleted), and rates above what the same run measured as the ceiling of the machine (work
// that was claimed and not done).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "results/measurement.hpp"

namespace limen::results {

struct GateOptions {
  double core_hertz = 7e9;       // no core of today is faster
  double bytes_per_cycle = 256;  // loads and stores of a core together: twice what AVX-512 cores do
  double flops_per_cycle =
      256;  // of fp32: twice four 512-bit pipes; fp64 half of it, 16-bit integers twice
  // Relative ceilings: noise moves them, and the ceiling is the best sample, the rate in question a
  // median.
  double margin = 1.25;
};

struct Refused {
  std::size_t index;   // into the measurements
  std::string reason;  // what was claimed, and what it exceeds
};

// Looks at measurements with samples and a `threads` parameter (or none: one thread). Relative
// ceilings:
//
// memory.stream read: what a thread reads at best of the smaller working sets (its own part, at any
// number of threads), which are in the same or a faster level, times the threads. The other kernels
// of memory.stream, which load and store: twice the best read at all.
//
// gemv and gemm with cold weights, and attention: the best read of the largest working sets, down
// to a quarter of the largest, at the same number of threads; with cached ones: the best read of
// any. Their flops: compute.fma of the type that they compute in, which is fp32 for fp32, bf16 or
// fp32 (the faster) for bf16 and for attention over a cache of bf16, fp64 for fp64, int16 for int8
// and int4.
std::vector<Refused> gate(const std::vector<Measurement>& measurements,
                          const GateOptions& options = {});

}  // namespace limen::results
