// make_fleet DIR NODES [SEED]: node results of a made-up cluster, racks of 32, of which one in 500
// has a fault. For measurements by hand: `time limen fleet DIR`.
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#include "tests/results/fleet/made_fleet.hpp"

int main(int argc, char** argv) {
  using namespace limen::tests;
  if (argc < 3) return std::fputs("make_fleet DIR NODES [SEED]\n", stderr), 2;
  const int nodes = std::atoi(argv[2]);
  const auto seed = static_cast<std::uint64_t>(argc > 3 ? std::atoi(argv[3]) : 1);
  constexpr Fault faults[] = {Fault::channel, Fault::numa, Fault::clock, Fault::link};
  constexpr double sizes[] = {11.0 / 12, 0.6, 0.8, 0.5};
  for (int i = 0; i < nodes; ++i) {
    MadeNode node;
    node.host = fmt::format("r{}n{:02}", i / 32 + 1, i % 32 + 1);
    node.seed = seed;
    if (i % 500 == 250) node.fault = faults[i / 500 % 4], node.size = sizes[i / 500 % 4];
    make_node(std::filesystem::path(argv[1]) / fmt::format("r{}", i / 32 + 1) / node.host, node);
  }
}
