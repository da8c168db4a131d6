// memory.latency: how long a load takes whose address depends on the load before, over working
// sets.
#include <memory>

#include <fmt/format.h>

#include "kernels/cpu/chase.hpp"
#include "kernels/cpu/stream.hpp"
#include "probes/bench.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

constexpr std::size_t kib = 1024, mib = 1024 * kib;

struct State {
  Bench& bench;
  std::size_t lines;
  kernels::Buffer memory{};
  const kernels::ChaseLine* at = nullptr;
  std::uint64_t hops = 0;
};

Case make(Bench& bench, std::size_t bytes) {
  auto state = std::make_shared<State>(State{bench, bytes / sizeof(kernels::ChaseLine)});
  Case c;
  c.parameters = {{"bytes", static_cast<std::int64_t>(bytes)}};
  c.least_seconds = 500e-6;
  c.prepare = [state]() -> std::optional<results::Outcome> {
    state->memory = kernels::Buffer(state->lines * sizeof(kernels::ChaseLine));
    state->at = kernels::chase_link(state->memory.as<kernels::ChaseLine>(), state->lines,
                                    state->bench.seed());
    if (state->lines > 32768)
      return {};  // the cycle is verified where it is short; positions are checked everywhere
    if (auto wrong = kernels::verify_chase(state->at, state->lines); !wrong.empty())
      return results::Invalid{wrong};
    return {};
  };
  c.warm = [state] {
    kernels::stream_read(state->memory.as<std::uint64_t>(), state->memory.size() / 8);
  };
  c.execute = [state](std::int64_t inner) {
    state->at = kernels::chase(state->at, static_cast<std::size_t>(inner));
    state->hops += static_cast<std::uint64_t>(inner);
  };
  c.check = [state]() -> std::string {
    const auto want = state->hops % state->lines;
    if (state->at->position == want) return {};
    return fmt::format("the chase stopped at line {}, not {}, of its cycle", state->at->position,
                       want);
  };
  return c;
}

std::vector<Case> cases(Bench& bench) {
  std::vector<Case> all;
  const std::size_t largest = std::min(bench.largest(), (bench.quick() ? 128 : 512) * mib);
  for (std::size_t s = 16 * kib; s <= largest; s *= 2) {
    all.push_back(make(bench, s));
    if (!bench.quick() && s >= 8 * mib && s <= 64 * mib) all.push_back(make(bench, s * 3 / 2));
  }
  return all;
}

}  // namespace

const Probe memory_latency{"memory.latency", "How long does one dependent load take?", cases};

}  // namespace limen::probes
