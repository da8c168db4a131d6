#include "probes/interrupt.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>

namespace limen::probes {
namespace {

// The thread sanitizer sees the handler's write and the other thread's reads.
TEST(Interrupt, IsSeenByEveryThread) {
  const Interrupt interrupt;
  EXPECT_FALSE(Interrupt::asked());
  std::thread other([] {
    while (!Interrupt::asked()) std::this_thread::yield();
  });
  std::raise(SIGTERM);
  other.join();
  EXPECT_TRUE(Interrupt::asked());
}

}  // namespace
}  // namespace limen::probes
