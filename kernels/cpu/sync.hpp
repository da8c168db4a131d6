// Synchronization between the threads of a team: what a hand-over, a barrier and a small all-reduce
// cost.
//
// Claims: a hand-over moves one cache line from one core to another; a barrier lets nobody pass
// before all have come; an all-reduce leaves in every thread's result the sum over the threads,
// element by element, of `count` fp32 (each thread reads count * 4 bytes and writes as many; the
// sums take (threads - 1) * count flops).
//
// All flags count upwards and are never reset, so a thread that runs ahead cannot be mistaken for
// one that lags. A flag is stored with release after the data it announces and loaded with acquire
// before the data is read.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cpu/buffer.hpp"

namespace limen::kernels {

class Team;

struct alignas(128) Flag {
  std::atomic<std::uint32_t> value{0};
};

// One thread calls ping, another pong, with the same line and count: 2 * rounds hand-overs.
void ping(Flag& line, std::uint32_t rounds);
void pong(Flag& line, std::uint32_t rounds);

// Dissemination barrier: in round k, thread i tells thread i + 2^k and hears from i - 2^k.
class Barrier {
 public:
  explicit Barrier(int threads);
  void wait(int thread);

 private:
  int threads_, rounds_;
  std::unique_ptr<Flag[]> flags_;   // [round][thread]
  std::unique_ptr<Flag[]> epochs_;  // how often each thread has come; its own
};

// Small sums in one exchange (all read all), large ones in two (each adds up its slice, then all
// copy).
class AllReduce {
 public:
  AllReduce(int threads, std::size_t max_count);
  void sum(int thread, const float* values, float* result, std::size_t count);

 private:
  void announce(Flag* flags, int thread, std::uint32_t epoch);
  float* slot(int thread, std::uint32_t epoch) const;

  int threads_;
  std::size_t stride_;  // floats of a slot
  Buffer slots_;        // [parity][thread], then [parity] results
  std::unique_ptr<Flag[]> published_, reduced_, epochs_;
};

// Each checks its operation on the first `members` of the team; empty, or what is wrong.
std::string verify_barrier(Team& team, int members);
std::string verify_all_reduce(Team& team, int members, std::size_t count);

}  // namespace limen::kernels
