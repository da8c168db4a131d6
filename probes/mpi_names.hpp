// The probes that MPI ranks measure, by name and question. Also in builds without MPI, which say
// that they skip them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace limen::probes {

struct MpiProbeName {
  const char *name, *question;
};

inline constexpr MpiProbeName mpi_probe_names[] = {
    {"mpi.allreduce", "How long does an all-reduce between MPI ranks take?"},
    {"mpi.allgather", "How long does an all-gather between MPI ranks take?"},
    {"mpi.reducescatter", "How long does a reduce-scatter between MPI ranks take?"},
    {"mpi.alltoall", "How long does an all-to-all between MPI ranks take?"},
    {"mpi.broadcast", "How long does a broadcast to MPI ranks take?"},
    {"mpi.barrier", "How long does a barrier between MPI ranks take?"},
    {"mpi.pingpong", "How long does a message from one MPI rank to another take?"},
    {"mpi.exchange", "How long do two MPI ranks take to send each other a message at once?"}};

// By its own name or that of the family; no name names all.
inline bool is_named(const MpiProbeName& probe, const std::vector<std::string>& names) {
  return names.empty() || std::any_of(names.begin(), names.end(), [&](const std::string& name) {
           return name == probe.name || name == "mpi";
         });
}

}  // namespace limen::probes
