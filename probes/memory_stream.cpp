// memory.stream: bandwidth of reading, writing, copying and the triad, over working sets from the
// first cache to memory.
#include <algorithm>
#include <memory>
#include <numeric>

#include <fmt/format.h>

#include "kernels/cpu/stream.hpp"
#include "probes/bench.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

using kernels::Stream;
constexpr std::size_t kib = 1024, mib = 1024 * kib;

// A large working set is walked in pieces, one an execution: short samples escape more disturbances
// than long ones.
constexpr std::size_t largest_piece = 32 * mib;

struct State {
  Bench& bench;
  Stream kernel;
  int threads;
  std::size_t words;   // of one piece of one array of one thread
  std::size_t pieces;  // of an array
  kernels::Stores stores;
  std::vector<std::uint64_t> expected{};  // sum of all threads' words, by piece
  std::size_t next = 0, last = 0;
  std::uint64_t wrong = 0, turn = 0;
  struct alignas(128) Sum {
    std::uint64_t value;
  };
  std::vector<Sum> sums{};

  // Reads come from the data (b and c of the triad lie one after the other), writes go to the
  // scratch memory.
  std::uint64_t* from(int m) const { return reinterpret_cast<std::uint64_t*>(bench.data(m)); }
  std::uint64_t* to(int m) const { return reinterpret_cast<std::uint64_t*>(bench.scratch(m)); }
  std::vector<std::size_t> spots() const { return {0, words / 3, words / 2, words - 1}; }

  std::size_t piece_after(std::size_t steps) const { return (next + steps) % pieces; }
  void one(int m, std::size_t piece, std::uint64_t& sum) const {
    const std::size_t at = piece * words, array = pieces * words;
    const auto* source = from(m) + at;
    switch (kernel) {
      case Stream::read:
        sum += kernels::stream_read(source, words);
        break;
      case Stream::write:
        kernels::stream_write(to(m) + at, words, turn, stores);
        break;
      case Stream::copy:
        kernels::stream_copy(to(m) + at, source, words, stores);
        break;
      case Stream::triad:
        kernels::stream_triad(reinterpret_cast<double*>(to(m) + at),
                              reinterpret_cast<const double*>(source),
                              reinterpret_cast<const double*>(source + array), 3, words, stores);
    }
  }

  void execute(std::int64_t inner) {
    ++turn;
    const auto times = static_cast<std::size_t>(inner);
    bench.team().run(threads, [this, times](int m) {
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < times; ++i) one(m, piece_after(i), sum);
      sums[static_cast<std::size_t>(m)].value = sum;
    });
    if (kernel == Stream::read) {
      std::uint64_t sum = 0, want = expected[0] * times;
      for (int m = 0; m < threads; ++m) sum += sums[static_cast<std::size_t>(m)].value;
      if (pieces > 1) {
        want = 0;
        for (std::size_t i = 0; i < times; ++i) want += expected[piece_after(i)];
      }
      wrong += sum != want;
    }
    last = piece_after(times - 1);
    next = piece_after(times);
  }

  void warm() {
    execute(pieces <= 4 ? static_cast<std::int64_t>(pieces)
                        : 1);  // what a cache may hold, it shall hold
    if (kernel == Stream::read) return;
    for (int m = 0; m < threads; ++m) {
      for (std::size_t p = 0; p < pieces; ++p) {
        for (const auto i : spots()) to(m)[p * words + i] = ~std::uint64_t{0};
      }
    }
  }

  std::string check() const {
    if (wrong > 0) return fmt::format("{} samples returned a wrong checksum", wrong);
    if (kernel == Stream::read) return {};
    for (int m = 0; m < threads; ++m) {
      for (const auto i : spots()) {
        const std::size_t at = last * words + i;
        const auto* b = reinterpret_cast<const double*>(from(m));
        const double triad = b[at] + 3 * b[pieces * words + at],
                     got = reinterpret_cast<const double*>(to(m))[at];
        const bool right = kernel == Stream::write ? to(m)[at] == turn
                           : kernel == Stream::copy
                               ? to(m)[at] == from(m)[at]
                               : std::abs(got - triad) <= 1e-12 * std::abs(triad);
        if (!right)
          return fmt::format("thread {} left word {} of {} unwritten or wrong", m, at,
                             pieces * words);
      }
    }
    return {};
  }
};

Case make(Bench& bench, Stream kernel, int threads, std::size_t bytes) {
  const std::size_t arrays = kernels::arrays(kernel),
                    share = bytes / static_cast<std::size_t>(threads);
  const std::size_t pieces = (bytes + largest_piece - 1) / largest_piece;
  const std::size_t words = share / arrays / pieces / 64 * 8;
  const auto stores = share >= kernels::non_temporal_from ? kernels::Stores::non_temporal
                                                          : kernels::Stores::ordinary;
  auto state = std::make_shared<State>(State{bench, kernel, threads, words, pieces, stores});
  state->sums.resize(static_cast<std::size_t>(threads));
  const std::size_t actual = words * pieces * 8 * arrays * static_cast<std::size_t>(threads);
  Case c;
  c.parameters = {{"kernel", std::string(name(kernel))},
                  {"threads", std::int64_t{threads}},
                  {"bytes", static_cast<std::int64_t>(actual)}};
  c.work = kernels::stream_work(kernel, words * static_cast<std::size_t>(threads));
  c.threads = threads;
  c.prepare = [state, stores]() -> std::optional<results::Outcome> {
    if (state->kernel != Stream::write) state->bench.use_data();
    if (state->kernel != Stream::read) state->bench.use_scratch();
    for (const std::size_t n : {1u, 63u, 1000u, 4099u}) {
      if (auto wrong = verify_stream(state->kernel, n, stores); !wrong.empty())
        return results::Invalid{wrong};
    }
    if (state->kernel != Stream::read) return {};
    state->expected.resize(state->pieces);
    for (std::size_t p = 0; p < state->pieces; ++p) {
      state->bench.team().run(state->threads, [&](int m) {
        const auto* from = state->from(m) + p * state->words;
        state->sums[static_cast<std::size_t>(m)].value =
            std::accumulate(from, from + state->words, std::uint64_t{0});
      });
      for (const auto& sum : state->sums) state->expected[p] += sum.value;
    }
    return {};
  };
  c.warm = [state] { state->warm(); };
  c.execute = [state](std::int64_t inner) { state->execute(inner); };
  c.check = [state] { return state->check(); };
  return c;
}

// Powers of two from 16 KiB a thread to the largest, with half steps where a last-level cache may
// end.
std::vector<std::size_t> sizes(Bench& bench, int threads, std::size_t step, bool halves) {
  std::vector<std::size_t> sizes;
  const auto t = static_cast<std::size_t>(threads);
  for (std::size_t s = 16 * kib; s * t <= bench.largest(); s *= step) {
    sizes.push_back(s * t);
    if (halves && s * t >= 4 * mib && s * t <= 128 * mib && s * t * 3 / 2 <= bench.largest()) {
      sizes.push_back(s * t * 3 / 2);
    }
  }
  return sizes;
}

std::vector<Case> cases(Bench& bench) {
  std::vector<Case> all;
  for (const int threads : bench.thread_counts()) {
    const bool ends = threads == 1 || threads == bench.all_threads();
    if (bench.quick() && !ends) continue;
    for (const auto kernel : {Stream::read, Stream::write, Stream::copy, Stream::triad}) {
      const bool read = kernel == Stream::read;
      const std::size_t step = bench.quick() ? (read ? 4 : 32) : (read ? 2 : 4);
      for (const auto bytes : sizes(bench, threads, step, read && !bench.quick())) {
        if (bytes <= bench.largest() / 2 || read)
          all.push_back(make(bench, kernel, threads, bytes));
      }
      const std::size_t top = bench.largest() / 2;
      if (!read) all.push_back(make(bench, kernel, threads, top));
    }
  }
  return all;
}

}  // namespace

const Probe memory_stream{"memory.stream", "How fast can memory and caches be read and written?",
                          cases};

}  // namespace limen::probes
