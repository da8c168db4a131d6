// What ranks with a device each do between the memories of their devices: operations as those of
// kernels/mpi, done by MPI itself, by NCCL, or by our own all-reduces over memory of peers.
//
// One execution ends when the device is done, by the host's clock. "graph": an execution is a CUDA
// graph of several calls, so that the launch and the wait, which a decode step pays once, are
// shared out over them (trips). "stream": one call, launch and wait included.
#pragma once

#include <mpi.h>

#include <memory>

#include "kernels/cuda/nccl.hpp"
#include "kernels/cuda/peers.hpp"
#include "kernels/mpi/operation.hpp"

namespace limen::probes {

// Of a device, for MPI that reaches it.
class DeviceMemory : public kernels::mpi::Memory {
 public:
  explicit DeviceMemory(const gpu::Device& device) : device_(device) {}
  void* allocate(std::size_t bytes) override;
  void release(void* memory) noexcept override;
  void put(void* to, const void* from, std::size_t bytes) override;
  void get(void* to, const void* from, std::size_t bytes) override;

 private:
  const gpu::Device& device_;
};

enum class Sent { stream, graph };
// Calls in the graph of an execution.
int graph_calls(std::size_t bytes);

// Both are collective, as is making them: DeviceError at every rank if it fails at one.
std::unique_ptr<kernels::mpi::Operation> nccl_operation(const gpu::DeviceRanks& ranks,
                                                        gpu::Nccl& nccl, gpu::Collective what,
                                                        std::size_t bytes, Sent sent);
std::unique_ptr<kernels::mpi::Operation> own_all_reduce(const gpu::DeviceRanks& ranks,
                                                        gpu::Peers& peers, gpu::AllReduce kind,
                                                        std::size_t bytes, Sent sent);

}  // namespace limen::probes
