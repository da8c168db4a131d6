// SIGINT and SIGTERM as a question while an object of this lives; a second signal takes its default
// action.
#pragma once

#include <atomic>
#include <csignal>

namespace limen::probes {

class Interrupt {
 public:
  Interrupt() {
    signal_ = 0;
    struct sigaction action {};
    action.sa_handler = [](int signal) { signal_ = signal; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &interrupt_);
    sigaction(SIGTERM, &action, &terminate_);
  }
  ~Interrupt() {
    sigaction(SIGINT, &interrupt_, nullptr);
    sigaction(SIGTERM, &terminate_, nullptr);
  }
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  static bool asked() { return signal_ != 0; }

 private:
  // A sig_atomic_t would be for the thread alone that takes the signal; any thread may ask.
  static inline std::atomic<int> signal_{0};
  static_assert(std::atomic<int>::is_always_lock_free);
  struct sigaction interrupt_ {
  }, terminate_{};
};

}  // namespace limen::probes
