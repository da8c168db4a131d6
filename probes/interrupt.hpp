// SIGINT and SIGTERM as a question while an object of this lives; a second signal takes its default
// action.
#pragma once

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
  static inline volatile std::sig_atomic_t signal_ = 0;
  struct sigaction interrupt_ {
  }, terminate_{};
};

}  // namespace limen::probes
