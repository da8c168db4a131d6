#include <numeric>

#include <fmt/format.h>

#include "kernels/cuda/numbers.hpp"
#include "kernels/cuda/verify.hpp"

namespace limen::gpu {
namespace {

constexpr std::size_t guard = 64;  // accesses behind the end that nobody may touch or count
constexpr Words poison{{0xfffdfffdu, 0xfffdfffdu, 0xfffdfffdu, 0xfffdfffdu}};

bool same(const Words& a, const Words& b) {
  return a.w[0] == b.w[0] && a.w[1] == b.w[1] && a.w[2] == b.w[2] && a.w[3] == b.w[3];
}

std::vector<Words> random_floats(Random& random, std::size_t n) {
  std::vector<Words> all(n);
  for (auto& v : all)
    for (auto& w : v.w) w = std::bit_cast<std::uint32_t>(random.fp32());
  return all;
}

Words expected(Stream kernel, const Words& b, const Words& c, std::size_t i, U32 value) {
  switch (kernel) {
    case Stream::write:
      return {{value, value ^ static_cast<U32>(i), ~value, value}};
    case Stream::triad: {
      Words a;
      for (int k = 0; k < 4; ++k)
        a.w[k] = std::bit_cast<U32>(
            std::fma(triad_factor, std::bit_cast<float>(c.w[k]), std::bit_cast<float>(b.w[k])));
      return a;
    }
    default:
      return b;
  }
}

std::string verify_one(const Device& d, Stream kernel, std::size_t n, unsigned blocks,
                       Random& random) {
  const auto b = random_floats(random, n + guard), c = random_floats(random, n + guard);
  const auto from = upload(d, b), second = upload(d, c);
  const auto to = upload(d, std::vector<Words>(n + guard, poison));
  const U32 value = random.bits();
  const auto before = random.bits();
  const auto sum = upload(d, std::vector<U64>{before});
  stream(d, kernel, {to.data(), from.data(), second.data(), sum.data()}, n, blocks, value);
  const std::string which = fmt::format("{} of {} accesses on {} blocks", name(kernel), n, blocks);
  if (kernel == Stream::read) {
    U64 want = before;
    for (std::size_t i = 0; i < n; ++i)
      want += (U64{b[i].w[1]} << 32 | b[i].w[0]) + (U64{b[i].w[3]} << 32 | b[i].w[2]);
    const U64 got = download(d, sum.data(), 1)[0];
    if (got != want) return fmt::format("{}: checksum {:016x}, not {:016x}", which, got, want);
    return {};
  }
  const auto got = download(d, to.data(), n + guard);
  for (std::size_t i = 0; i < n + guard; ++i) {
    const bool outside = i >= n;
    if (same(got[i], outside ? poison : expected(kernel, b[i], c[i], i, value))) continue;
    if (outside) return fmt::format("{}: access {} is behind the end and was written", which, i);
    return fmt::format("{}: access {} is {}", which, i,
                       same(got[i], poison) ? "unwritten" : "wrong");
  }
  return {};
}

}  // namespace

std::string verify_stream(const Device& d, Stream kernel, std::uint64_t seed) {
  Random random(seed);
  for (const std::size_t n : {1u, 31u, 255u, 257u, 1025u, 4099u, 7919u}) {
    for (const unsigned blocks : {1u, 3u}) {
      if (auto wrong = verify_one(d, kernel, n, blocks, random); !wrong.empty()) return wrong;
    }
  }
  return {};
}

std::vector<U32> chase_cycle(std::size_t lines, std::size_t line, std::uint64_t seed) {
  const std::size_t step = line / 4;
  std::vector<U32> order(lines), links(lines * step, 0xffffffffu);
  std::iota(order.begin(), order.end(), 0u);
  Random random(seed);
  for (std::size_t i = lines; i > 2; --i)  // 0 stays first
    std::swap(order[i - 1], order[1 + random.bits() % (i - 1)]);
  for (std::size_t i = 0; i < lines; ++i)
    links[order[i] * step] = static_cast<U32>(order[(i + 1) % lines] * step);
  return links;
}

std::string verify_chase(const Device& d, std::uint64_t seed) {
  for (const std::size_t lines : {1u, 2u, 37u}) {
    const auto links = chase_cycle(lines, 128, seed);
    const auto memory = upload(d, links);
    const auto at = upload(d, std::vector<U32>{0});
    const auto& kernel = d.kernels().chase;
    U32 want = 0;
    for (const U64 hops : {1u, 36u, 100u}) {
      d.launch(kernel, {{1}, kernel.threads}, memory.data(), hops, at.data());
      for (U64 i = 0; i < hops; ++i) want = links[want];
      const U32 got = download(d, at.data(), 1)[0];
      if (got != want)
        return fmt::format("chase of {} lines: {} hops lead to {}, not {}", lines, hops, got, want);
    }
  }
  return {};
}

std::string verify_launch(const Device& d) {
  const auto count = upload(d, std::vector<U32>{0});
  const auto& kernel = d.kernels().nothing;
  const auto launch = [&] { d.launch(kernel, {{2}, kernel.threads}, count.data()); };
  for (int i = 0; i < 3; ++i) launch();
  const CapturedGraph graph(d, [&] {
    for (int i = 0; i < 5; ++i) launch();
  });
  for (int i = 0; i < 2; ++i) graph.launch();
  const U32 got = download(d, count.data(), 1)[0];
  if (got != 13) return fmt::format("3 launches and 2 graphs of 5 made {} executions, not 13", got);
  return {};
}

float multiply_add_reference(std::size_t thread, unsigned rounds) {
  float sum = 0;
  for (unsigned c = 0; c < fma_chains; ++c) {
    auto x = static_cast<float>(thread + c);
    for (std::size_t i = 0; i < std::size_t{rounds} * fma_steps; ++i) {
      const float next = std::fma(x, fma_factor, fma_summand);
      if (next == x) break;  // and so it stays
      x = next;
    }
    sum += x;
  }
  return sum;
}

std::string verify_multiply_add(const Device& d) {
  constexpr float untouched = -1;
  for (const auto& [blocks, rounds] : {std::pair{1u, 0u}, {3u, 1u}, {2u, 3u}}) {
    const std::size_t n = std::size_t{blocks} * fma_threads;
    const auto out = upload(d, std::vector<float>(n + guard, untouched));
    multiply_add(d, blocks, rounds, out.data());
    const auto got = download(d, out.data(), n + guard);
    for (std::size_t i = 0; i < n + guard; ++i) {
      const float want = i < n ? multiply_add_reference(i % fma_threads, rounds) : untouched;
      if (got[i] != want)
        return fmt::format("multiply-add, {} rounds: thread {} has {:.9g}, not {:.9g}", rounds, i,
                           got[i], want);
    }
  }
  return {};
}

}  // namespace limen::gpu
