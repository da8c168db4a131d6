// NCCL's collectives among devices, of this process or of ranks that are processes; opened at run
// time, so that limen starts without it. Its interface is declared here: it is stable, and its
// header comes with no toolkit.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/device_ranks.hpp"

namespace limen::gpu {

enum class Collective { all_reduce, all_gather, reduce_scatter, all_to_all };
inline constexpr Collective all_collectives[] = {Collective::all_reduce, Collective::all_gather,
                                                 Collective::reduce_scatter,
                                                 Collective::all_to_all};
const char* name(Collective c);

class Nccl {
 public:
  // A communicator of these ranks; collective, if some are other processes. Null, at every rank, if
  // NCCL is not there or refuses, the reason in `why`.
  static std::unique_ptr<Nccl> open(const DeviceRanks& ranks, std::string& why);
  virtual ~Nccl() = default;
  virtual std::string version() const = 0;
  // Why graphs cannot hold its calls: of an emulation that cannot send a graph again. Else empty.
  virtual std::string not_in_graphs() const = 0;
  // One collective in bf16, sent to the streams of the devices of this process; `in` and `out` have
  // an entry for each of them. `bytes` is what a rank has of the whole: in and out of all_reduce,
  // out of all_gather, in of reduce_scatter, in and out of all_to_all. DeviceError if NCCL refuses.
  virtual void run(Collective what, const std::vector<const void*>& in,
                   const std::vector<void*>& out, std::size_t bytes) = 0;
};

// Small integers through a collective, every element of the ranks of this process compared. Empty,
// or what is wrong.
std::string verify_nccl(const DeviceRanks& ranks, Nccl& nccl, Collective what);

// The element of a rank, and what a collective of `share` elements a rank makes of them there, in
// bf16: small integers, of which every sum is exact.
std::uint16_t nccl_input(std::size_t rank, std::size_t ranks, std::size_t i);
std::uint16_t nccl_output(Collective what, std::size_t rank, std::size_t ranks, std::size_t share,
                          std::size_t i);

}  // namespace limen::gpu
