// NCCL's collectives among the devices of this process; opened at run time, so that limen starts
// without it. Its interface is declared here: it is stable, and its header comes with no toolkit.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/backend.hpp"

namespace limen::gpu {

enum class Collective { all_reduce, all_gather, reduce_scatter, all_to_all };
inline constexpr Collective all_collectives[] = {Collective::all_reduce, Collective::all_gather,
                                                 Collective::reduce_scatter,
                                                 Collective::all_to_all};
const char* name(Collective c);

class Nccl {
 public:
  // A communicator of these devices. Null if NCCL is not there or refuses, the reason in `why`.
  static std::unique_ptr<Nccl> open(const std::vector<const Device*>& devices, std::string& why);
  virtual ~Nccl() = default;
  virtual std::string version() const = 0;
  // One collective on every rank, in bf16, sent to the streams of all devices. `bytes` is what a
  // rank has of the whole: in and out of all_reduce, out of all_gather, in of reduce_scatter, in
  // and out of all_to_all. DeviceError if NCCL refuses.
  virtual void run(Collective what, const std::vector<const void*>& in,
                   const std::vector<void*>& out, std::size_t bytes) = 0;
};

// Small integers through a collective, every element compared. Empty, or what is wrong.
std::string verify_nccl(const std::vector<const Device*>& devices, Nccl& nccl, Collective what);

}  // namespace limen::gpu
