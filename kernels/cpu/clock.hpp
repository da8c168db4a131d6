// A chain of dependent additions: one a core cycle on every core of interest, so steps over seconds
// is the core's clock. (Registers only: cores that fold additions of constants cannot fold these.)
#pragma once

#include <cstdint>

namespace limen::kernels {

inline std::uint64_t clock_chain(std::uint64_t steps) {
  std::uint64_t value = 1, one = 1;
  asm volatile("" : "+r"(one));
  for (std::uint64_t i = 0; i < steps / 8; ++i) {
    for (int k = 0; k < 8; ++k) {
      value += one;
      asm volatile("" : "+r"(value), "+r"(one));
    }
  }
  return value;
}

}  // namespace limen::kernels
