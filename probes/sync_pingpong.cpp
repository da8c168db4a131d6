// sync.pingpong: how long one core's store takes to be seen by another.
#include <memory>

#include <fmt/format.h>

#include "kernels/cpu/sync.hpp"
#include "probes/bench.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

Case make(Bench& bench, int first, int second) {
  auto line = std::make_shared<kernels::Flag>();
  auto wanted = std::make_shared<std::uint32_t>(0);
  Case c;
  c.parameters = {{"threads", std::int64_t{2}},
                  {"first", std::int64_t{bench.unit(first)}},
                  {"second", std::int64_t{bench.unit(second)}}};
  c.threads = 2;
  c.least_seconds = 1e-3;  // the dispatch is part of a sample, and must not matter
  c.execute = [&bench, line, wanted, first, second](std::int64_t inner) {
    const auto rounds = static_cast<std::uint32_t>((inner + 1) / 2);  // a round is two hand-overs
    line->value.store(0);
    *wanted = 2 * rounds;
    bench.team().run(second + 1, [&](int m) {
      if (m == first) ping(*line, rounds);
      if (m == second) pong(*line, rounds);
    });
  };
  c.check = [line, wanted]() -> std::string {
    if (line->value.load() == *wanted) return {};
    return fmt::format("the line was handed over {} times, not {}", line->value.load(), *wanted);
  };
  return c;
}

std::vector<Case> cases(Bench& bench) {
  std::vector<Case> all;
  for (int second = 1; second < bench.all_threads(); second *= 2)
    all.push_back(make(bench, 0, second));
  if (const int last = bench.all_threads() - 1; last > 2)
    all.push_back(make(bench, last - 1, last));
  return all;
}

}  // namespace

const Probe sync_pingpong{"sync.pingpong",
                          "How long does a cache line take from one core to another?", cases};

}  // namespace limen::probes
