#include "kernels/cpu/team.hpp"

#include <algorithm>

#include "kernels/cpu/spin.hpp"

namespace limen::kernels {

Team::Team(int size, const std::function<void(int)>& bind)
    : size_(std::max(1, size)), slots_(new Slot[static_cast<std::size_t>(size_)]) {
  if (bind) bind(0);
  std::atomic<int> ready{1};
  for (int member = 1; member < size_; ++member) {
    threads_.emplace_back([this, member, &bind, &ready] {
      if (bind) bind(member);
      ready.fetch_add(1, std::memory_order_release);
      serve(member);
    });
  }
  spin_until([&] { return ready.load(std::memory_order_acquire) == size_; });
}

Team::~Team() {
  leaving_.store(true);
  ++number_;
  for (int member = 1; member < size_; ++member) {
    slots_[member].mailbox.store(number_);
    slots_[member].mailbox.notify_one();
  }
  for (auto& thread : threads_) thread.join();
}

void Team::dispatch(int members, Call call, void* task) {
  members_ = std::clamp(members, 1, size_);
  call_ = call;
  task_ = task;
  take_part(0, ++number_);
}

void Team::take_part(int member, std::uint32_t job) {
  const int first = fan_out * member + 1;
  const int last = std::min(first + fan_out, members_);
  for (int child = first; child < last; ++child) {
    slots_[child].mailbox.store(job);
    slots_[child].mailbox.notify_one();  // no system call unless the child sleeps
  }
  call_(task_, member);
  for (int child = first; child < last; ++child) {
    spin_until([&] { return slots_[child].done.load(std::memory_order_acquire) == job; });
  }
  if (member != 0) slots_[member].done.store(job, std::memory_order_release);
}

void Team::serve(int member) {
  constexpr int yields = 200;
  auto& mailbox = slots_[member].mailbox;
  std::uint32_t seen = 0;
  for (;;) {
    int rests = 0;
    const auto news = [&] { return mailbox.load(std::memory_order_acquire) != seen; };
    for (int i = 0; i < eager_reads && !news(); ++i) {
    }
    for (int i = 0; i < polite_reads && !news(); ++i) pause_core();
    while (!news() && rests++ < yields) sched_yield();
    while (!news()) mailbox.wait(seen);
    seen = mailbox.load(std::memory_order_acquire);
    if (leaving_.load()) return;
    take_part(member, seen);
  }
}

}  // namespace limen::kernels
