// Our own all-reduces over memory of peers: devices of this process, or of others of this host,
// whose memory is opened here (CUDA's IPC).
#pragma once

#include <string>
#include <vector>

#include "kernels/cuda/device_ranks.hpp"
#include "kernels/cuda/table.hpp"
#include "model/work.hpp"

namespace limen::gpu {

// Which of these devices cannot reach the memory of which other, or empty.
std::string out_of_reach(const std::vector<const Device*>& devices);

enum class AllReduce { one_shot, two_shot };
const char* name(AllReduce kind);

// Ranks whose memory all devices reach: inboxes, the count of calls, and what went wrong. With
// ranks in other processes each call of the constructor, set_up and close is collective; `rank` is
// one of this process.
class Peers {
 public:
  // `bytes`: of the largest message, in bf16. DeviceError, at every rank, if a device cannot reach
  // another.
  Peers(const DeviceRanks& ranks, std::size_t bytes);
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  std::size_t size() const { return ranks_.ranks; }
  const Device& device(std::size_t rank) const { return *ranks_.devices[rank - ranks_.first]; }
  // Before the first call of messages of this size: waits for all devices, and lets all ranks count
  // calls from the same number on. `bytes` is a multiple of 8.
  void set_up(AllReduce kind, std::size_t bytes);
  // Sends `calls` all-reduces, one after the other in one kernel, to a rank's stream; all ranks
  // need the same. data and out hold the bytes of set_up.
  void send(std::size_t rank, const U32* data, U32* out, U32 calls, U32 polls);
  // A graph was sent that holds `calls` calls, on every rank.
  void sent_again(U32 calls) { count_ += calls; }
  // Empty, or who waited for whom in vain, at the ranks of this process. Waits for their devices.
  std::string trouble() const;
  // Lets go of what belongs to other processes, and waits until they have let go of what is ours:
  // only then may it be released.
  void close();

 private:
  std::size_t local(std::size_t rank) const { return rank - ranks_.first; }
  void open_others();
  void let_go() noexcept;

  DeviceRanks ranks_;
  std::size_t capacity_, pairs_ = 0;
  AllReduce kind_ = AllReduce::one_shot;
  std::vector<Memory<U64>> inboxes_;    // of this process, as are
  std::vector<Memory<U32>> counters_;   // the counters
  std::vector<Memory<Status>> status_;  // and this
  std::vector<U64*> inbox_;             // of every rank
  U32 count_ = 0;                       // an upper bound of the calls so far
};
// Each rank reads and writes the message once; traffic over links is the algorithm's affair.
model::Work all_reduce_work(std::size_t bytes);

}  // namespace limen::gpu
