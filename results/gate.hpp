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
// ceilings, each at the same number of threads:
//   memory.stream read at a size  <= the best of the smaller sizes (faster levels)
//   memory.stream, others         <= twice the best read at all (they load and store)
//   gemv, gemm, cold              <= the best read at the largest size (their weights come from
//   memory) gemv, gemm, cached            <= the best read at any size gemv, gemm, flops <=
//   compute.fma of the type they compute in: fp32 for fp32 and bf16, fp64 for fp64, int16
//                                    for int8 and int4
std::vector<Refused> gate(const std::vector<Measurement>& measurements,
                          const GateOptions& options = {});

}  // namespace limen::results
