#include "cli/selfbench_model.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <vector>

#include "cli/sweep_rows.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/sweep/evaluator.hpp"

namespace limen::cli {
namespace {

using model::Evaluator;
using model::Figures;

// Calls f(i) for i < n; calls a second.
template <class F>
double rate(std::uint64_t n, std::uint64_t step, F&& f) {
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < n; i += step) f(i);
  return double(n) /
         std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<double> steps(double low, double high, int n) {
  std::vector<double> out;
  for (int i = 0; i < n; ++i) out.push_back(low + (high - low) * i / (n - 1));
  return out;
}

model::Grid dense_decode() {
  model::Grid g;
  g.machines = {cards::find_machine("h100-8")};
  g.models = {cards::find_model("llama-3.1-70b")};
  g.tp = {8};
  return g;
}

}  // namespace

ModelRate model_rate() {
  model::Grid mixed = dense_decode(), machines = dense_decode();
  mixed.machine_axes = {{"memory.bandwidth", steps(1e12, 18e12, 16)},
                        {"sync.tp", steps(1e-6, 9e-6, 16)}};
  mixed.batches = steps(1, 512, 74);
  mixed.contexts = steps(128, 131072, 128);
  machines.machine_axes = {{"memory.bandwidth", steps(1e12, 18e12, 2048)},
                           {"sync.tp", steps(1e-6, 9e-6, 1024)}};
  Evaluator lanes(mixed), plain(mixed), only(machines), for_rows(mixed);
  Rows rows(mixed, false);
  const auto a = std::make_unique<Figures>(), b = std::make_unique<Figures>();
  constexpr std::uint64_t n = Figures::most;
  // A stretch of the grid that all kinds walk, another one in each round; so short that on a busy
  // machine most rounds are not interrupted.
  constexpr std::uint64_t stretch = 32 * n, short_stretch = 4 * n;
  constexpr std::ptrdiff_t rounds = 25;
  ModelRate out;
  out.target = name(model::best_target());
  out.same_bits = true;
  std::vector<double> plains, in_lanes, of_machines, whole, written;
  double used = 0;
  for (std::ptrdiff_t round = 0; round < rounds; ++round) {
    const std::uint64_t first = std::uint64_t(round) * stretch;
    in_lanes.push_back(rate(stretch, n, [&](std::uint64_t i) {
      lanes.evaluate(first + i, n, *a);
      used += a->utps[n - 1];
    }));
    plains.push_back(rate(short_stretch, n, [&](std::uint64_t i) {
      plain.evaluate_plainly(first + i, n, *b);
      used += b->utps[n - 1];
    }));
    lanes.evaluate(first + short_stretch - n, n, *a);
    out.same_bits = out.same_bits && std::memcmp(a->utps, b->utps, n * sizeof(double)) == 0 &&
                    std::memcmp(a->factor, b->factor, n * sizeof(double)) == 0;
    of_machines.push_back(rate(short_stretch, n, [&](std::uint64_t i) {
      only.evaluate(first + i, n, *a);
      used += a->utps[n - 1];
    }));
    whole.push_back(rate(500, 1, [&](std::uint64_t i) {
      const model::Workload w{double(1 + i % 512), double(128 + 37 * i)};
      used += model::predict(mixed.machines[0], {&mixed.models[0], w, {.tp = 8}}).utps;
    }));
    std::string text;
    written.push_back(rate(short_stretch, n, [&](std::uint64_t i) {
      for_rows.evaluate(first + i, n, *a);
      rows.seek(first + i);
      text.clear();
      for (std::uint64_t j = 0; j < n; ++j) rows.append(*a, j, text);
      used += double(text.size());
    }));
  }
  auto median = [](std::vector<double>& v) {
    std::nth_element(v.begin(), v.begin() + rounds / 2, v.end());
    return v[rounds / 2];
  };
  out.plain = median(plains);
  out.lanes = median(in_lanes);
  out.machines_only = median(of_machines);
  out.predictions = median(whole);
  out.rows = median(written);
  if (used == 0) out.plain = 0;  // never; keeps the work from being optimized away
  return out;
}

}  // namespace limen::cli
