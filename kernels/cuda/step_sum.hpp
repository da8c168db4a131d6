// The all-reduce that a decode step captures: of one size, by our own kernels over memory of peers
// or by NCCL.
#pragma once

#include <memory>
#include <string>

#include "kernels/cuda/device_ranks.hpp"
#include "kernels/cuda/nccl.hpp"
#include "kernels/cuda/table.hpp"

namespace limen::gpu {

enum class ExchangeBy { own, nccl };
const char* name(ExchangeBy by);

class StepSum {
 public:
  virtual ~StepSum() = default;
  // Sends one to the stream of a rank of this process; for each of them in turn, which together
  // make one all-reduce.
  virtual void send(std::size_t rank, const U32* data, U32* out) = 0;
  // Empty, or who waited for whom in vain. Waits for the devices of this process.
  virtual std::string trouble() const { return {}; }
  // Collective, before it is destroyed while others go on.
  virtual void close() {}
};

// Collective. `bytes` of bf16, a multiple of 8. `nccl` is for ExchangeBy::nccl, and outlives it.
std::unique_ptr<StepSum> make_step_sum(const DeviceRanks& ranks, ExchangeBy by, Nccl* nccl,
                                       std::size_t bytes);

}  // namespace limen::gpu
