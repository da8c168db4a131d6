#include "kernels/cpu/chase.hpp"

#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace limen::kernels {

const ChaseLine* chase_link(ChaseLine* memory, std::size_t lines, std::uint64_t seed) {
  std::vector<std::uint32_t> order(lines);
  std::iota(order.begin(), order.end(), 0u);
  std::mt19937_64 random(seed);
  for (std::size_t i = lines; i > 1; --i) {
    // a multiply-shift draw: the bias of 2^-32 does not matter here
    const std::size_t other = static_cast<std::size_t>(((random() >> 32) * i) >> 32);
    std::swap(order[i - 1], order[other]);
  }
  for (std::size_t i = 0; i < lines; ++i) {
    memory[order[i]] = {&memory[order[i + 1 == lines ? 0 : i + 1]], i};
  }
  return lines == 0 ? nullptr : &memory[order[0]];
}

const ChaseLine* chase(const ChaseLine* from, std::size_t hops) {
  const ChaseLine* p = from;
  for (std::size_t i = hops / 8; i > 0; --i) {
    p = p->next;
    p = p->next;
    p = p->next;
    p = p->next;
    p = p->next;
    p = p->next;
    p = p->next;
    p = p->next;
  }
  for (std::size_t i = hops % 8; i > 0; --i) p = p->next;
  return p;
}

std::string verify_chase(const ChaseLine* start, std::size_t lines) {
  const ChaseLine* p = start;
  for (std::size_t hop = 1; hop <= lines; ++hop) {
    p = p->next;
    if ((p == start) != (hop == lines)) {
      return fmt::format("chase: the cycle over {} lines {} after {} hops", lines,
                         p == start ? "closes" : "is still open", hop);
    }
  }
  return {};
}

}  // namespace limen::kernels
