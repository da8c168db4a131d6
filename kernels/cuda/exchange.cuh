// Synchronization: across a grid, between two blocks, between devices; and all-reduce over memory
// of peers.
//
// Every wait is bounded by `polls`. A wait that fails leaves 1 + the number of who did not answer
// in *status, and the kernel goes on without waiting again, so that it ends; its result is void.
#pragma once

#include "kernels/cuda/seam.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

// `rounds` barriers across the grid, whose blocks must all run at once. *arrived is 0 before the
// first. Every thread leaves its mark in seen[] before each barrier and looks for its neighbour
// block's after it; *status is 1 + the number of the block whose mark was missing, or that did not
// come.
//
// Fences: barrier() orders the marks of the block's threads before thread 0's release; its acquire
// and barrier_or() order the marks of other blocks before the look. The counter only grows, so
// nothing is reset while somebody may still look at it.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
grid_barrier(uint32_t* arrived, uint32_t rounds, uint32_t* seen, uint32_t polls, Status* status) {
  const unsigned next = (block_x() + 1) % grid_x();
  for (uint32_t r = 1; r <= rounds; ++r) {
    seen[block_x() * Threads + thread_x()] = r;
    barrier();
    bool lost = false;
    if (thread_x() == 0) {
      add_release_device(arrived, 1);
      lost = !wait_until(polls, [&] { return load_acquire_device(arrived) >= r * grid_x(); });
    }
    lost = barrier_or(lost);
    const volatile uint32_t* mark = seen + next * Threads + thread_x();
    if (lost || *mark < r) *status = 1 + next;
    if (lost) return;
  }
}

// `rounds` round trips of a flag. Player 0 sends r to *theirs and waits for it in *mine; player 1
// answers. Runs as two kernels on two devices, or as two blocks (mine and theirs by block).
//
// Fences: each store is a release at system scope and each look an acquire, so that whatever a
// player wrote before its move is seen after it; between moves there is nothing else to order.
LIMEN_DEVICE void play(unsigned player, const uint32_t* mine, uint32_t* theirs, uint32_t first,
                       uint32_t rounds, uint32_t polls, Status* status) {
  for (uint32_t r = first; r < first + rounds; ++r) {
    if (player == 0) store_release_system(theirs, r);
    if (!wait_until(polls, [&] { return load_acquire_system(mine) == r; })) {
      *status = 2 - player;  // 1 + the other's number
      return;
    }
    if (player == 1) store_release_system(theirs, r);
  }
}
template <unsigned Threads>
LIMEN_KERNEL(Threads)
pingpong(unsigned player, const uint32_t* mine, uint32_t* theirs, uint32_t first, uint32_t rounds,
         uint32_t polls, Status* status) {
  if (thread_x() == 0) play(player, mine, theirs, first, rounds, polls, status);
}
// Both players on one device: flags[0] is player 0's, flags[32] (another line) player 1's.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
pingpong_blocks(uint32_t* flags, uint32_t first, uint32_t rounds, uint32_t polls, Status* status) {
  if (thread_x() != 0) return;
  const unsigned player = block_x();
  play(player, flags + 32 * player, flags + 32 * (1 - player), first, rounds, polls, status);
}

inline constexpr unsigned exchange_threads = 256;

// Where packets lie in an inbox: [call odd or even][phase][sender][pair].
LIMEN_DEVICE size_t slot(const Ranks& r, uint32_t call, unsigned phase, unsigned sender) {
  return ((size_t{call % 2} * 2 + phase) * r.ranks + sender) * r.capacity;
}

LIMEN_DEVICE uint64_t packet(uint32_t data, uint32_t call) { return uint64_t{call} << 32 | data; }

// Waits for the two packets at p; data of both. A packet is there when it bears the call's number.
//
// Fences: none. Data and flag are one 64-bit word, written and read in one piece at system scope
// (which spans devices and, for memory opened by IPC, processes), so that whoever sees the flag has
// the data. A slot is written again two calls later. By then its reader is done:
// a slot is written and read by threads of one number, which do their calls in order (in one
// kernel, or in kernels one after the other in a stream). The sender's thread has ended its call in
// between, for which it got what the reader's thread sent in that call, after it had read the slot.
// Only grid and number of pairs must stay the same; Peers::set_up waits for all devices when they
// change.
LIMEN_DEVICE bool take(const uint64_t* p, uint32_t call, uint32_t polls, uint32_t& first,
                       uint32_t& second) {
  uint64_t a = 0, b = 0;
  const bool there = wait_until(polls, [&] {
    load_packets(p, a, b);
    return static_cast<uint32_t>(a >> 32) == call && static_cast<uint32_t>(b >> 32) == call;
  });
  first = static_cast<uint32_t>(a);
  second = static_cast<uint32_t>(b);
  return there;
}

struct FourSums {
  float v[4] = {0, 0, 0, 0};
  LIMEN_DEVICE void add(uint32_t first, uint32_t second) {
    v[0] += from_bf16(first & 0xffffu), v[1] += from_bf16(first >> 16);
    v[2] += from_bf16(second & 0xffffu), v[3] += from_bf16(second >> 16);
  }
  LIMEN_DEVICE uint32_t low() const { return to_bf16(v[0]) | to_bf16(v[1]) << 16; }
  LIMEN_DEVICE uint32_t high() const { return to_bf16(v[2]) | to_bf16(v[3]) << 16; }
};

// `calls` all-reduces one after the other: out becomes the sum of every rank's data. The number of
// the call is counted by each block, in counters[block]: all blocks of all ranks count alike.
// `pairs` is even, and the same on all ranks, as the grid is.
template <class Once>
LIMEN_DEVICE void for_each_call(uint32_t* counters, uint32_t calls, Once&& once) {
  const uint32_t before = counters[block_x()];
  barrier();  // all threads have read it
  if (thread_x() == 0) counters[block_x()] = before + calls;
  for (uint32_t c = 1; c <= calls; ++c) once(before + c);
}

// One shot: every rank sends everything to all, and adds up what it got, in the order of ranks, so
// that all get the same bits.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
all_reduce_one_shot(LIMEN_IN_PLACE Ranks r, const uint32_t* data, uint32_t* out, size_t pairs,
                    uint32_t* counters, uint32_t calls, uint32_t polls, Status* status) {
  const size_t stride = size_t{grid_x()} * Threads * 2;
  bool lost = *status != 0;
  for_each_call(counters, calls, [&](uint32_t call) {
    for (size_t i = (size_t{block_x()} * Threads + thread_x()) * 2; i < pairs; i += stride) {
      const uint32_t mine_low = data[i], mine_high = data[i + 1];
      for (unsigned k = 1; k < r.ranks; ++k) {  // each rank begins with another peer
        const unsigned to = (r.rank + k) % r.ranks;
        store_packets(r.inbox[to] + slot(r, call, 0, r.rank) + i, packet(mine_low, call),
                      packet(mine_high, call));
      }
      FourSums sum;
      for (unsigned from = 0; from < r.ranks; ++from) {
        uint32_t low = mine_low, high = mine_high;
        if (from != r.rank && !lost &&
            !take(r.inbox[r.rank] + slot(r, call, 0, from) + i, call, polls, low, high)) {
          lost = true;
          *status = 1 + from;
        }
        sum.add(low, high);
      }
      out[i] = sum.low();
      out[i + 1] = sum.high();
    }
  });
}

// Two shots: rank k adds up the k-th part and sends the sums to all. Moves 2 (n - 1) / n of the
// data instead of n - 1 times the data, for a second wait. A part is `pairs` / ranks pairs, rounded
// up to an even number; the last may be shorter.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
all_reduce_two_shot(LIMEN_IN_PLACE Ranks r, const uint32_t* data, uint32_t* out, size_t pairs,
                    uint32_t* counters, uint32_t calls, uint32_t polls, Status* status) {
  const size_t part = ((pairs + r.ranks - 1) / r.ranks + 1) / 2 * 2;
  const size_t stride = size_t{grid_x()} * Threads * 2;
  bool lost = *status != 0;
  for_each_call(counters, calls, [&](uint32_t call) {
    const auto get = [&](unsigned phase, unsigned from, size_t at, uint32_t& low, uint32_t& high) {
      if (lost || take(r.inbox[r.rank] + slot(r, call, phase, from) + at, call, polls, low, high))
        return;
      lost = true;
      *status = 1 + from;
    };
    const auto send = [&](unsigned phase, unsigned to, size_t at, uint32_t low, uint32_t high) {
      store_packets(r.inbox[to] + slot(r, call, phase, r.rank) + at, packet(low, call),
                    packet(high, call));
    };
    for (size_t i = (size_t{block_x()} * Threads + thread_x()) * 2; i < part; i += stride) {
      for (unsigned k = 1; k < r.ranks; ++k) {
        const unsigned to = (r.rank + k) % r.ranks;
        const size_t at = size_t{to} * part + i;
        if (at < pairs) send(0, to, at, data[at], data[at + 1]);
      }
      const size_t own = size_t{r.rank} * part + i;
      if (own < pairs) {
        FourSums sum;
        for (unsigned from = 0; from < r.ranks; ++from) {
          uint32_t low = data[own], high = data[own + 1];
          if (from != r.rank) get(0, from, own, low, high);
          sum.add(low, high);
        }
        out[own] = sum.low();
        out[own + 1] = sum.high();
        for (unsigned k = 1; k < r.ranks; ++k)
          send(1, (r.rank + k) % r.ranks, own, sum.low(), sum.high());
      }
      for (unsigned from = 0; from < r.ranks; ++from) {
        const size_t at = size_t{from} * part + i;
        if (from == r.rank || at >= pairs) continue;
        uint32_t low = 0, high = 0;
        get(1, from, at, low, high);
        out[at] = low;
        out[at + 1] = high;
      }
    }
  });
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
