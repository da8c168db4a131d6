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

// Between the memories of the ranks' GPUs.
inline constexpr MpiProbeName device_probe_names[] = {
    {"device.allreduce", "How long does an all-reduce between the GPUs of ranks take?"},
    {"device.allgather", "How long does an all-gather between the GPUs of ranks take?"},
    {"device.reducescatter", "How long does a reduce-scatter between the GPUs of ranks take?"},
    {"device.alltoall", "How long does an all-to-all between the GPUs of ranks take?"},
    {"device.broadcast", "How long does a broadcast to the GPUs of ranks take?"},
    {"device.pingpong", "How long does a message from one rank's GPU to another's take?"},
    {"device.exchange", "How long do two ranks' GPUs take to send each other a message at once?"}};

// By its own name or that of the family; no name names all.
inline bool is_named(const MpiProbeName& probe, const std::vector<std::string>& names) {
  const std::string own = probe.name, family = own.substr(0, own.find('.'));
  return names.empty() || std::any_of(names.begin(), names.end(), [&](const std::string& name) {
           return name == own || name == family;
         });
}

// Measured by ranks together.
inline bool is_between_ranks(const std::string& probe) {
  return probe.rfind("mpi.", 0) == 0 || probe.rfind("device.", 0) == 0;
}

// Takes two ranks, not more.
inline bool of_two_ranks(const std::string& probe) {
  const std::string what = probe.substr(probe.find('.') + 1);
  return what == "pingpong" || what == "exchange";
}

}  // namespace limen::probes
