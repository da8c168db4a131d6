#include "probes/product_case.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include <fmt/format.h>

#include "kernels/cpu/team.hpp"

namespace limen::probes {
namespace {

using kernels::Format, kernels::Shape;

constexpr std::size_t lines(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

struct State {
  Bench& bench;
  Shape shape;
  std::size_t tokens;
  int threads;
  Residence residence;
  // the ring
  std::size_t band_bytes = 0, scale_bytes = 0;  // of a matrix, in a quarter
  std::size_t scales_at = 0;                    // in a quarter: behind the weights
  std::size_t ring = 0, next = 0;
  std::vector<kernels::Shard> shards{};
  kernels::Buffer y{};
  std::size_t checks = 0;

  // Not a power of two: four streams that are one apart meet in the same banks of the memory, which
  // no matrix of a model does (256 MB apart one thread read int4 at 0.4 of what it does 248 apart).
  std::size_t quarter() const {
    return bench.part(threads) / kernels::bands / 32 * 31 / 4096 * 4096;
  }

  // Empty, or why the matrix does not fit.
  std::string lay_out() {
    const auto n = static_cast<std::size_t>(threads);
    std::size_t longest = 0;
    for (std::size_t m = 0; m < n; ++m) {
      shards.push_back(split_rows(shape, m, n));
      for (const auto& band : shards.back()) longest = std::max(longest, band.rows);
    }
    band_bytes = lines(longest * shape.row_bytes());
    scale_bytes = lines(longest * shape.groups() * 2);
    scales_at = shape.quantized() ? quarter() / 25 * 24 / 4096 * 4096 : quarter();
    ring = scales_at / band_bytes;
    if (scale_bytes > 0) ring = std::min(ring, (quarter() - scales_at) / scale_bytes);
    if (ring == 0) {
      return fmt::format("the weights need {} bytes a thread, and the bench has {}",
                         band_bytes * kernels::bands, scales_at * kernels::bands);
    }
    if (residence == Residence::cached) ring = 1;
    y = kernels::Buffer(shape.rows * tokens * shape.value_bytes());
    return {};
  }

  void point_at(std::size_t slot) {
    for (std::size_t m = 0; m < shards.size(); ++m) {
      std::byte* base = bench.data(static_cast<int>(m));
      for (std::size_t b = 0; b < kernels::bands; ++b) {
        std::byte* start = base + b * quarter();
        shards[m][b].weights = start + slot * band_bytes;
        shards[m][b].scales =
            reinterpret_cast<const std::uint16_t*>(start + scales_at + slot * scale_bytes);
      }
    }
  }

  void execute(std::int64_t inner) {
    for (std::int64_t i = 0; i < inner; ++i) {
      point_at(next);
      next = next + 1 == ring ? 0 : next + 1;
      kernels::gemm(bench.team(), shape, shards, bench.x(shape.format), tokens, y.data(),
                    bench.workspaces().first(shards.size()));
    }
  }

  // Every result is spoiled before a visit, so that work not done cannot pass for done.
  void spoil() {
    execute(1);
    std::memset(y.data(), 0xFF, y.size());  // not a number, in fp32 and fp64
  }

  std::string check() {
    ++checks;
    std::vector<std::size_t> rows{checks * 7919 % shape.rows};
    if (tokens <= 2) rows.insert(rows.end(), {0, shape.rows - 1});
    for (const auto& shard : shards) {
      auto wrong = check_rows(shape, shard, bench.x(shape.format), tokens, y.data(), rows);
      if (!wrong.empty()) return wrong;
    }
    return {};
  }
};

}  // namespace

Case product_case(Bench& bench, const Shape& shape, std::size_t tokens, int threads,
                  Residence residence) {
  auto state = std::make_shared<State>(State{bench, shape, tokens, threads, residence});
  const bool cold = residence == Residence::cold;
  Case c;
  c.parameters = {{"format", std::string(name(shape.format))},
                  {"rows", static_cast<std::int64_t>(shape.rows)},
                  {"cols", static_cast<std::int64_t>(shape.cols)},
                  {"tokens", static_cast<std::int64_t>(tokens)},
                  {"threads", std::int64_t{threads}},
                  {"residence", std::string(cold ? "cold" : "cached")}};
  c.work = gemm_work(shape, tokens);
  c.threads = threads;
  if (cold) c.least_seconds = 0;
  c.prepare = [state]() -> std::optional<results::Outcome> {
    state->bench.use_data();
    if (auto why = state->lay_out(); !why.empty()) return results::Skipped{why};
    for (const auto& [rows, cols] : {std::pair<std::size_t, std::size_t>{37, 300}, {8, 1024}}) {
      auto wrong = verify_gemm(state->bench.team(), state->threads,
                               {state->shape.format, rows, cols}, state->tokens);
      if (!wrong.empty()) return results::Invalid{wrong};
    }
    return {};
  };
  c.warm = [state] { state->spoil(); };
  c.execute = [state](std::int64_t inner) { state->execute(inner); };
  c.check = [state] { return state->check(); };
  return c;
}

std::vector<int> one_and_all(const Bench& bench) {
  return bench.all_threads() == 1 ? std::vector<int>{1} : std::vector<int>{1, bench.all_threads()};
}

Shape cached_shape(Format format, int threads) {
  return {format, 64 * static_cast<std::size_t>(threads), 2048};
}

}  // namespace limen::probes
