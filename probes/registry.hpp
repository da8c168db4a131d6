// All probes in one table: those of this process, then those of MPI ranks. (Self-registration
// vanishes from static libraries.)
#pragma once

#include <span>
#include <string>
#include <vector>

#include "probes/probe.hpp"

namespace limen::probes {

std::span<const Probe> all_probes();

// The probes of these names, in the table's order; all of them if there is no name. "memory" stands
// for "memory.stream" and "memory.latency". Error with the nearest names if one is unknown.
std::vector<const Probe*> select_probes(const std::vector<std::string>& names);

// Names out of `known` that are near to `name`, the nearest first.
std::vector<std::string> nearest(const std::string& name, const std::vector<std::string>& known);

// The rows of the table, one a file.
extern const Probe memory_stream, memory_latency, sync_pingpong, sync_barrier, sync_allreduce, gemv,
    gemm, attention, compute_fma, gpu_stream, gpu_latency, gpu_gemv, gpu_gemm, gpu_attention,
    gpu_elementwise, gpu_fma, gpu_launch, gpu_barrier, gpu_pingpong, gpu_copy, gpu_peer,
    gpu_allreduce, gpu_nccl, gpu_energy;

}  // namespace limen::probes
