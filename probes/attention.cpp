// attention: one new token for each sequence over its cache of keys and values; what a decode step
// does besides its products.
//
// Cold: each call takes the next part of the bench's memory, as a step takes the next layer's; a
// call is a sample, with what several threads found merged, dispatch and join included. Cached: one
// small cache, again and again: the ceiling of its arithmetic. Of a latent cache (MLA), which a
// hundred queries share, arithmetic is the ceiling always.
#include <algorithm>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "kernels/cpu/decode/attention.hpp"
#include "probes/product_case.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

using kernels::CacheShape, kernels::LatentRows;

struct State {
  Bench& bench;
  CacheShape shape;
  int threads;
  Residence residence;
  kernels::AttentionPlan plan;
  std::size_t part = 0, ring = 0, next = 0;  // bytes of a member in a call; calls in its memory
  std::vector<float> queries{}, results{};
  std::vector<LatentRows> rows{};  // by call

  std::size_t stride() const { return shape.kv_heads * shape.group * shape.key_dim(); }
  std::size_t result_stride() const { return shape.kv_heads * shape.group * shape.head_dim; }

  std::string lay_out() {
    for (int m = 0; m < threads; ++m)
      part = std::max(part, (plan.bytes(static_cast<std::size_t>(m)) + 63) / 64 * 64);
    ring = residence == Residence::cached ? 1 : bench.part(threads) / part;
    if (ring == 0)
      return fmt::format("the cache needs {} bytes a thread, and the bench has {}", part,
                         bench.part(threads));
    const auto* x = static_cast<const float*>(bench.x(kernels::Format::fp32));
    queries.assign(x, x + shape.sequences * stride());
    results.resize(shape.sequences * result_stride());
    if (shape.latent()) find_rows();
    return {};
  }

  // A chunk of a latent cache is rows, one after another.
  void find_rows() {
    rows.assign(
        ring, {std::vector<const std::uint16_t*>(shape.heads() * shape.chunks()), shape.chunks()});
    for (std::size_t i = 0; i < ring; ++i)
      for (int m = 0; m < threads; ++m)
        for (const kernels::Piece& p : plan.pieces(static_cast<std::size_t>(m)))
          for (std::size_t c = 0; c < p.chunks; ++c)
            rows[i].chunks[p.head * shape.chunks() + p.first + c] =
                reinterpret_cast<const std::uint16_t*>(bench.data(m) + i * part +
                                                       (p.at + c) * shape.chunk_bytes());
  }

  void attend(std::size_t m) {
    if (shape.latent()) {
      plan.attend(m, rows[next], queries.data(), stride());
    } else {
      plan.attend(m, bench.data(static_cast<int>(m)) + next * part, queries.data(), stride());
    }
  }

  void execute(std::int64_t inner) {
    for (std::int64_t i = 0; i < inner; ++i) {
      bench.team().run(threads, [&](int m) { attend(static_cast<std::size_t>(m)); });
      bench.team().run(threads, [&](int m) {
        plan.merge(static_cast<std::size_t>(m), results.data(), result_stride());
      });
      next = next + 1 == ring ? 0 : next + 1;
    }
  }

  // A result is a mean of values, which lie in +-[1, 2) here.
  std::string check() const {
    for (const float r : results)
      if (!(std::abs(r) <= 2.01f)) return fmt::format("a mean of values of at most 2 is {}", r);
    return {};
  }
};

Case make(Bench& bench, const CacheShape& shape, int threads, Residence residence) {
  auto state = std::make_shared<State>(
      State{bench, shape, threads, residence,
            kernels::AttentionPlan(shape, static_cast<std::size_t>(threads))});
  Case c;
  const auto integer = [](std::size_t n) { return static_cast<std::int64_t>(n); };
  c.parameters = {{"batch", integer(shape.sequences)},
                  {"kv_heads", integer(shape.kv_heads)},
                  {"group", integer(shape.group)},
                  {"head_dim", integer(shape.head_dim)},
                  {"context", integer(shape.context)},
                  {"threads", std::int64_t{threads}},
                  {"residence", std::string(residence == Residence::cold ? "cold" : "cached")}};
  if (shape.latent()) c.parameters["rope"] = integer(shape.rope);
  c.work = kernels::attention_work(shape);
  c.threads = threads;
  if (residence == Residence::cold) c.least_seconds = 0;
  c.prepare = [state]() -> std::optional<results::Outcome> {
    state->bench.use_data();
    if (auto why = state->lay_out(); !why.empty()) return results::Skipped{why};
    CacheShape small = state->shape;
    small.sequences = std::min<std::size_t>(2, small.sequences);
    small.context = std::min<std::size_t>(200, small.context);
    auto wrong = kernels::verify_attention(state->bench.team(), state->threads, small);
    if (!wrong.empty()) return results::Invalid{wrong};
    return {};
  };
  c.warm = [state] {
    state->execute(1);
    std::memset(state->results.data(), 0xFF, state->results.size() * sizeof(float));
  };
  c.execute = [state](std::int64_t inner) { state->execute(inner); };
  c.check = [state] { return state->check(); };
  return c;
}

std::vector<Case> cases(Bench& bench) {
  const std::vector<std::size_t> contexts =
      bench.quick() ? std::vector<std::size_t>{512, 8192}
                    : std::vector<std::size_t>{128, 512, 2048, 8192, 32768};
  std::vector<Case> all;
  for (const int threads : one_and_all(bench)) {
    for (const std::size_t context : contexts) {
      for (const std::size_t group : {1, 4, 8})
        all.push_back(make(bench, {1, 8, group, 128, context}, threads, Residence::cold));
    }
    // Narrow heads have more scores for their bytes.
    for (const std::size_t head_dim : {64, 256}) {
      for (const std::size_t group : {1, 4, 8})
        all.push_back(make(bench, {1, 8, group, head_dim, 2048}, threads, Residence::cold));
    }
    for (const std::size_t batch : {8, 32})
      all.push_back(make(bench, {batch, 8, 4, 128, 512}, threads, Residence::cold));
    // The latent cache of DeepSeek and Kimi; with less heads, as on one of several ranks.
    for (const std::size_t group : {32, 128})
      all.push_back(make(bench, {1, 1, group, 512, 2048, 64, 192}, threads, Residence::cold));
    const auto each = static_cast<std::size_t>(threads);
    for (const std::size_t head_dim : {64, 128})
      all.push_back(make(bench, {1, each, 4, head_dim, 512}, threads, Residence::cached));
  }
  return all;
}

}  // namespace

const Probe attention{"attention", "How fast does a new token attend to a cache?", cases};

}  // namespace limen::probes
