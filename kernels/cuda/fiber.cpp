#include "kernels/cuda/fiber.hpp"

#include <setjmp.h>
#include <ucontext.h>

#include <cstring>
#include <deque>
#include <map>
#include <random>
#include <stdexcept>
#include <vector>

// The address sanitizer keeps a map of the stack, and must be told when another takes its place.
#if defined(__SANITIZE_ADDRESS__)
#define LIMEN_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LIMEN_ASAN 1
#endif
#endif
#ifdef LIMEN_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace limen::gpu::fiber {
namespace {

#ifdef LIMEN_ASAN
constexpr std::size_t stack_bytes = 256 * 1024;
void leave_stack(void** fake, const void* to, std::size_t size) {
  __sanitizer_start_switch_fiber(fake, to, size);
}
void arrive(void* fake, const void** from = nullptr, std::size_t* size = nullptr) {
  __sanitizer_finish_switch_fiber(fake, from, size);
}
// Of a stack that served another fiber, which left its frames there.
void forget_frames(char* stack) { __asan_unpoison_memory_region(stack, stack_bytes); }
#else
constexpr std::size_t stack_bytes = 64 * 1024;
void leave_stack(void**, const void*, std::size_t) {}
void arrive(void*, const void** = nullptr, std::size_t* = nullptr) {}
void forget_frames(char*) {}
#endif
constexpr unsigned lanes = 32;

// Threads that wait for one another: those of a block, or of a warp.
struct Meeting {
  unsigned members = 0, arrived = 0, generation = 0;
  bool any = false, any_before = false;  // of the votes of this meeting, and of the last
  void release() {
    arrived = 0;
    ++generation;
    any_before = any;
    any = false;
  }
};

struct Warp {
  Meeting meeting;
  std::uint64_t slot[lanes] = {};
  Fragment fragments[2][lanes] = {};
};

struct Copy {
  void* to;
  const void* from;
  std::size_t bytes;
};

struct Block;
struct Thread {
  Here here;
  Block* block = nullptr;
  ucontext_t context{};  // where it starts
  jmp_buf place{};       // where it waits
  std::unique_ptr<char[]> stack;
  std::vector<Copy> copies{};  // not sent yet
  std::deque<std::vector<Copy>> sent{};
  void* fake = nullptr;  // the sanitizer's, while it waits
  bool started = false, ended = false;
};

struct Block {
  Meeting meeting;
  std::vector<Warp> warps;
  std::vector<Thread> threads;
  std::map<const void*, std::vector<std::uint64_t>> shared;
  unsigned running = 0;
};

thread_local Thread* running = nullptr;
thread_local jmp_buf scheduler;
thread_local const void* scheduler_stack = nullptr;
thread_local std::size_t scheduler_stack_bytes = 0;
thread_local std::vector<std::unique_ptr<char[]>> stacks;  // of threads that have ended
thread_local const std::function<void()>* kernel_of_running = nullptr;
thread_local bool progress = false;  // something happened that others may have waited for

// Jumps, since swapcontext would call the system twice.
void yield() {
  Thread& t = *running;
  leave_stack(t.ended ? nullptr : &t.fake, scheduler_stack, scheduler_stack_bytes);
  if (_setjmp(t.place) == 0) _longjmp(scheduler, 1);
  arrive(running->fake);
}

// All members must come; the last one lets all go on.
void meet(Meeting& m) {
  const unsigned generation = m.generation;
  if (++m.arrived == m.members) {
    m.release();
    progress = true;
    return;
  }
  while (m.generation == generation) yield();
}

Warp& warp_of(const Thread& t) { return t.block->warps[t.here.thread / lanes]; }

void leave(Meeting& m) {
  if (--m.members > 0 && m.arrived == m.members) m.release();
}

void entry() {
  arrive(nullptr, &scheduler_stack, &scheduler_stack_bytes);
  (*kernel_of_running)();
  Thread& t = *running;
  t.ended = true;
  --t.block->running;
  leave(t.block->meeting);
  leave(warp_of(t).meeting);
  progress = true;
  yield();
}

void make_ready(Thread& t) {
  forget_frames(t.stack.get());
  getcontext(&t.context);
  t.context.uc_stack.ss_sp = t.stack.get();
  t.context.uc_stack.ss_size = stack_bytes;
  t.context.uc_link = nullptr;
  makecontext(&t.context, entry, 0);
}

}  // namespace

const Here& here() { return running->here; }
void barrier() { meet(running->block->meeting); }
bool barrier_or(bool mine) {
  Meeting& m = running->block->meeting;
  m.any = m.any || mine;
  meet(m);
  return m.any_before;
}
bool vote_any(bool mine) {
  Meeting& m = warp_of(*running).meeting;
  m.any = m.any || mine;
  meet(m);
  return m.any_before;
}
std::uint64_t exchange(std::uint64_t value, unsigned lane_mask) {
  Warp& w = warp_of(*running);
  const unsigned lane = running->here.thread % lanes;
  w.slot[lane] = value;
  meet(w.meeting);
  const std::uint64_t other = w.slot[lane ^ lane_mask];
  meet(w.meeting);
  return other;
}
const Fragment* share(const Fragment& mine) {
  Warp& w = warp_of(*running);
  Fragment* all = w.fragments[w.meeting.generation % 2];
  all[running->here.thread % lanes] = mine;
  meet(w.meeting);
  return all;
}
void copy_later(void* to, const void* from, std::size_t bytes) {
  std::memset(to, 0xff, bytes);
  running->copies.push_back({to, from, bytes});
}
void copies_sent() { running->sent.push_back(std::move(running->copies)); }
void copies_wait(std::size_t open) {
  for (auto& sent = running->sent; sent.size() > open; sent.pop_front()) {
    for (const Copy& c : sent.front()) {
      if (c.from != nullptr) {
        std::memcpy(c.to, c.from, c.bytes);
      } else {
        std::memset(c.to, 0, c.bytes);
      }
    }
  }
}
void relax() {
  progress = true;
  yield();
}
void* shared(const void* key, std::size_t bytes) {
  auto& memory = running->block->shared[key];
  if (memory.empty()) memory.assign((bytes + 15) / 8, 0xfff7'dead'fff7'deadu);  // NaN in any format
  return reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(memory.data()) + 15) / 16 * 16);
}

struct Grid::State {
  std::function<void()> kernel;
  Dimensions dimensions;
  unsigned resident;
  Order order;
  unsigned next = 0;  // block that starts next
  std::minstd_rand random{};
  std::deque<std::unique_ptr<Block>> blocks;

  unsigned all() const { return dimensions.grid_x * dimensions.grid_y; }

  void start_block() {
    const unsigned number = order == Order::reversed ? all() - 1 - next : next;
    ++next;
    auto block = std::make_unique<Block>();
    block->meeting.members = block->running = dimensions.threads;
    block->warps.resize((dimensions.threads + lanes - 1) / lanes);
    block->threads.resize(dimensions.threads);
    for (unsigned i = 0; i < dimensions.threads; ++i) {
      Thread& t = block->threads[i];
      t.here = {i, number % dimensions.grid_x, number / dimensions.grid_x, dimensions.threads,
                dimensions.grid_x};
      t.block = block.get();
      ++block->warps[i / lanes].meeting.members;
      if (stacks.empty()) stacks.push_back(std::unique_ptr<char[]>(new char[stack_bytes]));
      t.stack = std::move(stacks.back());
      stacks.pop_back();
      make_ready(t);
    }
    blocks.push_back(std::move(block));
  }

  void resume(Thread& t) {
    running = &t;
    kernel_of_running = &kernel;
    void* fake = nullptr;
    leave_stack(&fake, t.stack.get(), stack_bytes);
    if (_setjmp(scheduler) == 0) {
      if (t.started) _longjmp(t.place, 1);
      t.started = true;
      setcontext(&t.context);
    }
    arrive(fake);
    running = nullptr;
    if (t.ended) stacks.push_back(std::move(t.stack));
  }
};

Grid::Grid(std::function<void()> kernel, Dimensions dimensions, unsigned resident_blocks,
           Order order)
    : state_(std::make_unique<State>(
          State{std::move(kernel), dimensions, resident_blocks, order, 0, {}, {}})) {}
Grid::~Grid() = default;

bool Grid::step() {
  State& s = *state_;
  while (s.blocks.size() < s.resident && s.next < s.all()) s.start_block();
  if (s.blocks.empty()) return false;
  progress = false;
  for (auto& block : s.blocks) {
    const std::size_t n = block->threads.size();
    for (std::size_t i = 0; i < n; ++i) {
      Thread& t = block->threads[s.order == Order::reversed ? n - 1 - i : i];
      if (t.ended) continue;
      if (s.order == Order::scattered && s.random() % 4 == 0) {
        progress = true;
        continue;
      }
      s.resume(t);
    }
  }
  std::erase_if(s.blocks, [](const auto& block) { return block->running == 0; });
  if (!progress) throw std::runtime_error("threads of a block wait for one another forever");
  return true;
}

}  // namespace limen::gpu::fiber
