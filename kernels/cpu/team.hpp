// A team of pinned threads that run one function together, with a dispatch and a join of a few
// hundred nanoseconds.
//
// The caller is member 0. Members form a tree with four children each: a member passes a job on to
// its children, does its own part, waits for the children and reports to its parent, so that cost
// grows with the logarithm of the team.
//
// Memory ordering. The job is plain data. Its writer then stores the job's number into the mailbox
// of each child (seq_cst, because the child may be about to sleep: the store must not pass the
// check for sleepers); the child loads the mailbox with acquire, so it sees the job and all that
// was written before run(). A finished member stores the number into its own `done` with release
// and its parent loads that with acquire, so everything the members wrote is visible when run()
// returns. No member touches the job after its `done`, so the next run() may overwrite it.
//
// A member without work spins, then yields, then sleeps on its mailbox: idle members do not disturb
// a measurement.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace limen::kernels {

class Team {
 public:
  // `bind(member)` is called once on each member's thread, the caller's own included (member 0).
  explicit Team(int size, const std::function<void(int)>& bind = {});
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }

  // Calls task(member) on members 0 .. members - 1 and returns when all have returned. The task
  // must neither throw nor call run() itself.
  template <class Task>
  void run(int members, Task&& task) {
    using T = std::remove_reference_t<Task>;
    dispatch(
        members, [](void* t, int member) { (*static_cast<T*>(t))(member); },
        const_cast<void*>(static_cast<const void*>(&task)));
  }

 private:
  using Call = void (*)(void*, int);
  static constexpr int fan_out = 4;
  struct alignas(128) Slot {  // two lines: the adjacent-line prefetcher must not couple neighbours
    std::atomic<std::uint32_t> mailbox{0};
    alignas(128) std::atomic<std::uint32_t> done{0};
  };

  void dispatch(int members, Call call, void* task);
  void take_part(int member, std::uint32_t job);
  void serve(int member);

  int size_;
  std::unique_ptr<Slot[]> slots_;
  std::vector<std::thread> threads_;
  std::atomic<bool> leaving_{false};
  // the job
  std::uint32_t number_ = 0;
  int members_ = 0;
  Call call_ = nullptr;
  void* task_ = nullptr;
};

}  // namespace limen::kernels
