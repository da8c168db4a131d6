// Waiting for another core: at first by reading the line over and over (the quickest way to see a
// change), then politely (pause), at last by giving the CPU away, so that waiters finish even with
// more threads than cores.
#pragma once

#include <sched.h>

namespace limen::kernels {

inline void pause_core() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

inline constexpr int eager_reads = 512, polite_reads = 4096;

template <class Condition>
void spin_until(Condition&& true_now) {
  for (int i = 0; i < eager_reads; ++i) {
    if (true_now()) return;
  }
  for (int i = 0; i < polite_reads; ++i) {
    if (true_now()) return;
    pause_core();
  }
  while (!true_now()) sched_yield();
}

}  // namespace limen::kernels
