// sync.allreduce: how long threads take to add up a small vector, so that every thread has the sum.
#include <memory>

#include <fmt/format.h>

#include "kernels/cpu/sync.hpp"
#include "probes/bench.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

struct State {
  Bench& bench;
  int threads;
  std::size_t count;
  kernels::AllReduce reduce;
  std::vector<std::vector<float>> values, results;
};

Case make(Bench& bench, int threads, std::size_t bytes) {
  const std::size_t count = bytes / 4;
  auto state = std::make_shared<State>(
      State{bench, threads, count, kernels::AllReduce(threads, count), {}, {}});
  const auto n = static_cast<double>(threads);
  const auto moved = model::bytes(n * static_cast<double>(bytes));
  Case c;
  c.parameters = {{"threads", std::int64_t{threads}}, {"bytes", static_cast<std::int64_t>(bytes)}};
  c.work = {moved, moved, model::flops((n - 1) * static_cast<double>(count))};
  c.threads = threads;
  c.least_seconds = 500e-6;
  c.prepare = [state]() -> std::optional<results::Outcome> {
    state->values.resize(static_cast<std::size_t>(state->threads));
    state->results = state->values;
    state->bench.team().run(state->threads, [&](int m) {  // touched first by its thread
      state->values[static_cast<std::size_t>(m)].assign(state->count, static_cast<float>(m + 1));
      state->results[static_cast<std::size_t>(m)].assign(state->count, 0.0f);
    });
    auto wrong = kernels::verify_all_reduce(state->bench.team(), state->threads, state->count);
    if (!wrong.empty()) return results::Invalid{wrong};
    return {};
  };
  c.warm = [state] {
    for (auto& result : state->results) result.back() = -1;
  };
  c.execute = [state](std::int64_t inner) {
    state->bench.team().run(state->threads, [&](int m) {
      const auto* from = state->values[static_cast<std::size_t>(m)].data();
      auto* to = state->results[static_cast<std::size_t>(m)].data();
      for (std::int64_t i = 0; i < inner; ++i) state->reduce.sum(m, from, to, state->count);
    });
  };
  c.check = [state]() -> std::string {
    const auto want = static_cast<float>(state->threads * (state->threads + 1) / 2);
    for (const auto& result : state->results) {
      if (result.front() != want || result.back() != want) {
        return fmt::format("a sum is {} and {}, not {}", result.front(), result.back(), want);
      }
    }
    return {};
  };
  return c;
}

std::vector<Case> cases(Bench& bench) {
  std::vector<Case> all;
  for (const int threads : bench.thread_counts()) {
    if (threads == 1) continue;
    const std::size_t step = bench.quick() ? 16 : 4;
    for (std::size_t bytes = 4; bytes <= (std::size_t{1} << 20); bytes *= step) {
      all.push_back(make(bench, threads, bytes));
    }
  }
  return all;
}

}  // namespace

const Probe sync_allreduce{"sync.allreduce", "How long does a small all-reduce among threads take?",
                           cases};

}  // namespace limen::probes
