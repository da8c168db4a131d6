// sync.barrier: how long a team of threads takes to meet.
#include <memory>

#include "kernels/cpu/sync.hpp"
#include "probes/bench.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

Case make(Bench& bench, int threads) {
  auto barrier = std::make_shared<kernels::Barrier>(threads);
  Case c;
  c.parameters = {{"threads", std::int64_t{threads}}};
  c.threads = threads;
  c.least_seconds = 500e-6;
  c.prepare = [&bench, threads]() -> std::optional<results::Outcome> {
    if (auto wrong = kernels::verify_barrier(bench.team(), threads); !wrong.empty())
      return results::Invalid{wrong};
    return {};
  };
  c.execute = [&bench, barrier, threads](std::int64_t inner) {
    bench.team().run(threads, [&](int m) {
      for (std::int64_t i = 0; i < inner; ++i) barrier->wait(m);
    });
  };
  return c;
}

std::vector<Case> cases(Bench& bench) {
  std::vector<Case> all;
  for (const int threads : bench.thread_counts()) {
    if (threads > 1) all.push_back(make(bench, threads));
  }
  return all;
}

}  // namespace

const Probe sync_barrier{"sync.barrier", "How long does a barrier among threads take?", cases};

}  // namespace limen::probes
