#include "kernels/cpu/sync.hpp"

#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "kernels/cpu/spin.hpp"
#include "kernels/cpu/team.hpp"

namespace limen::kernels {
namespace {

constexpr std::size_t one_exchange =
    16384;  // floats over all threads: above it two exchanges are quicker

bool reached(const Flag& flag, std::uint32_t epoch) {
  return static_cast<std::int32_t>(flag.value.load(std::memory_order_acquire) - epoch) >= 0;
}

}  // namespace

void ping(Flag& line, std::uint32_t rounds) {
  for (std::uint32_t i = 0; i < rounds; ++i) {
    line.value.store(2 * i + 1, std::memory_order_release);
    spin_until([&] { return line.value.load(std::memory_order_acquire) == 2 * i + 2; });
  }
}

void pong(Flag& line, std::uint32_t rounds) {
  for (std::uint32_t i = 0; i < rounds; ++i) {
    spin_until([&] { return line.value.load(std::memory_order_acquire) == 2 * i + 1; });
    line.value.store(2 * i + 2, std::memory_order_release);
  }
}

Barrier::Barrier(int threads)
    : threads_(threads),
      rounds_(std::bit_width(static_cast<unsigned>(threads - 1))),
      flags_(new Flag[static_cast<std::size_t>(threads * rounds_ + 1)]),
      epochs_(new Flag[static_cast<std::size_t>(threads)]) {}

void Barrier::wait(int thread) {
  const auto epoch = epochs_[thread].value.load(std::memory_order_relaxed) + 1;
  epochs_[thread].value.store(epoch, std::memory_order_relaxed);
  for (int round = 0; round < rounds_; ++round) {
    const int to = (thread + (1 << round)) % threads_;
    flags_[round * threads_ + to].value.store(epoch, std::memory_order_release);
    spin_until([&] { return reached(flags_[round * threads_ + thread], epoch); });
  }
}

AllReduce::AllReduce(int threads, std::size_t max_count)
    : threads_(threads),
      stride_((max_count + 31) / 32 * 32),
      slots_(2 * stride_ * static_cast<std::size_t>(threads + 1) * sizeof(float)),
      published_(new Flag[static_cast<std::size_t>(threads)]),
      reduced_(new Flag[static_cast<std::size_t>(threads)]),
      epochs_(new Flag[static_cast<std::size_t>(threads)]) {}

// Two slots a thread, used in turn: a thread can be one epoch ahead of a reader, never two, because
// it waits for everybody's flag before it goes on.
float* AllReduce::slot(int thread, std::uint32_t epoch) const {
  const auto index =
      static_cast<std::size_t>(thread) + (epoch % 2) * static_cast<std::size_t>(threads_ + 1);
  return slots_.as<float>() + index * stride_;
}

void AllReduce::announce(Flag* flags, int thread, std::uint32_t epoch) {
  flags[thread].value.store(epoch, std::memory_order_release);
  for (int i = 0; i < threads_; ++i) spin_until([&] { return reached(flags[i], epoch); });
}

void AllReduce::sum(int thread, const float* values, float* result, std::size_t count) {
  const auto epoch = epochs_[thread].value.load(std::memory_order_relaxed) + 1;
  epochs_[thread].value.store(epoch, std::memory_order_relaxed);
  std::memcpy(slot(thread, epoch), values, count * sizeof(float));
  announce(published_.get(), thread, epoch);
  const bool at_once = count * static_cast<std::size_t>(threads_) <= one_exchange;
  const auto me = static_cast<std::size_t>(thread), all = static_cast<std::size_t>(threads_);
  const std::size_t first = at_once ? 0 : count * me / all;
  const std::size_t last = at_once ? count : count * (me + 1) / all;
  float* to = at_once ? result : slot(threads_, epoch);
  std::memcpy(to + first, slot(0, epoch) + first, (last - first) * sizeof(float));
  for (int i = 1; i < threads_; ++i) {
    const float* from = slot(i, epoch);
    for (std::size_t k = first; k < last; ++k) to[k] += from[k];
  }
  if (at_once) return;
  announce(reduced_.get(), thread, epoch);
  std::memcpy(result, to, count * sizeof(float));
}

std::string verify_barrier(Team& team, int members) {
  constexpr int rounds = 100;
  Barrier barrier(members);
  std::vector<Flag> came(static_cast<std::size_t>(members));
  std::atomic<int> early{0};
  team.run(members, [&](int me) {
    for (std::uint32_t round = 1; round <= rounds; ++round) {
      came[static_cast<std::size_t>(me)].value.store(round, std::memory_order_relaxed);
      barrier.wait(me);
      for (const auto& other : came) early += other.value.load(std::memory_order_relaxed) < round;
    }
  });
  if (early == 0) return {};
  return fmt::format("barrier: {} times a thread of {} passed before another had come",
                     early.load(), members);
}

std::string verify_all_reduce(Team& team, int members, std::size_t count) {
  constexpr int rounds = 6;
  AllReduce reduce(members, count);
  std::atomic<int> wrong{0};
  team.run(members, [&](int me) {
    std::vector<float> values(count), result(count);
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t k = 0; k < count; ++k) {
        values[k] = static_cast<float>(static_cast<int>(k % 97) * (me + 1) + round);
      }
      reduce.sum(me, values.data(), result.data(), count);
      for (std::size_t k = 0; k < count; ++k) {
        const int want = static_cast<int>(k % 97) * members * (members + 1) / 2 + round * members;
        wrong += result[k] != static_cast<float>(want);
      }
    }
  });
  if (wrong == 0) return {};
  return fmt::format("all-reduce: {} wrong sums among {} threads, {} values", wrong.load(), members,
                     count);
}

}  // namespace limen::kernels
