#include <algorithm>

#include <fmt/format.h>

#include "kernels/cuda/numbers.hpp"
#include "kernels/cuda/verify.hpp"

namespace limen::gpu {

std::string verify_grid_barrier(const Device& d) {
  for (const unsigned blocks : {1u, std::min(7u, barrier_grid(d)), barrier_grid(d)}) {
    constexpr U32 rounds = 5;
    const auto arrived = upload(d, std::vector<U32>{0});
    const auto seen = upload(d, std::vector<U32>(std::size_t{blocks} * barrier_threads, 0));
    const auto status = upload(d, std::vector<Status>{0});
    grid_barrier(d, blocks, rounds, arrived.data(), seen.data(), d.backend().patience(),
                 status.data());
    const auto which = fmt::format("grid barrier of {} blocks", blocks);
    const auto trouble = download(d, status.data(), 1)[0];
    if (trouble != 0)
      return fmt::format("{}: what block {} wrote before it was not seen after it", which,
                         trouble - 1);
    const auto count = download(d, arrived.data(), 1)[0];
    if (count != rounds * blocks)
      return fmt::format("{}: {} arrivals in {} rounds", which, count, rounds);
    for (const U32 mark : download(d, seen.data(), seen.size()))
      if (mark != rounds) return fmt::format("{}: ended in round {} of {}", which, mark, rounds);
  }
  return {};
}

std::string verify_pingpong(const Device& a, const Device& b) {
  constexpr U32 rounds = 20;
  const U32 polls = a.backend().patience();
  const bool one = a.number() == b.number();
  const auto flags = upload(a, std::vector<U32>(64, 0));
  const auto status = upload(a, std::vector<Status>{0});
  const auto far_flags = upload(b, std::vector<U32>(64, 0));
  const auto far_status = upload(b, std::vector<Status>{0});
  if (one) {
    const auto& kernel = a.kernels().pingpong_blocks;
    a.launch(kernel, {{2}, kernel.threads, true}, flags.data(), 1u, rounds, polls, status.data());
  } else {
    const auto& kernel = a.kernels().pingpong;
    load(a, kernel);
    load(b, kernel);
    a.launch(kernel, {{1}, kernel.threads}, 0u, flags.data(), far_flags.data(), 1u, rounds, polls,
             status.data());
    b.launch(kernel, {{1}, kernel.threads}, 1u, far_flags.data(), flags.data(), 1u, rounds, polls,
             far_status.data());
  }
  a.synchronize();
  b.synchronize();
  const auto which = fmt::format("ping-pong of devices {} and {}", a.number(), b.number());
  if (download(a, status.data(), 1)[0] != 0 || download(b, far_status.data(), 1)[0] != 0)
    return which + ": a flag never came";
  const auto near = download(a, flags.data(), 64);
  const U32 far = one ? near[32] : download(b, far_flags.data(), 64)[0];
  if (near[0] != rounds || far != rounds)
    return fmt::format("{}: flags are at {} and {}, not {}", which, near[0], far, rounds);
  return {};
}

std::string verify_all_reduce(const std::vector<const Device*>& devices, AllReduce kind,
                              std::uint64_t seed) {
  constexpr std::size_t guard = 16, calls = 3, largest = 4 * 5002;
  Random random(seed);
  Peers peers(devices, largest);
  const std::size_t ranks = devices.size();
  for (const std::size_t bytes :
       {std::size_t{8}, std::size_t{136}, std::size_t{4 * 1026}, largest}) {
    const std::size_t pairs = bytes / 4;
    constexpr U32 poison = 0xff3dff3du;
    // Several calls on their way at once, each with data of its own.
    std::vector<std::vector<std::vector<U32>>> input(calls);
    std::vector<std::vector<Memory<U32>>> data(calls), out(calls);
    for (std::size_t c = 0; c < calls; ++c) {
      for (std::size_t r = 0; r < ranks; ++r) {
        std::vector<U32> of_rank(pairs + guard, poison);
        for (std::size_t i = 0; i < pairs; ++i)
          of_rank[i] = random.bf16() | U32{random.bf16()} << 16;
        data[c].push_back(upload(*devices[r], of_rank));
        out[c].push_back(upload(*devices[r], std::vector<U32>(pairs + guard, poison)));
        input[c].push_back(std::move(of_rank));
      }
    }
    peers.set_up(kind, bytes);
    for (std::size_t c = 0; c < calls; ++c)  // the last twice, in one kernel
      for (std::size_t r = 0; r < ranks; ++r)
        peers.send(r, data[c][r].data(), out[c][r].data(), c + 1 == calls ? 2 : 1,
                   devices[r]->backend().patience());
    const auto which =
        fmt::format("{} all-reduce of {} bytes on {} ranks", name(kind), bytes, ranks);
    if (auto trouble = peers.trouble(); !trouble.empty()) return which + ": " + trouble;
    for (std::size_t c = 0; c < calls; ++c) {
      std::vector<U32> first;
      for (std::size_t r = 0; r < ranks; ++r) {
        const auto got = download(*devices[r], out[c][r].data(), pairs + guard);
        for (std::size_t i = 0; i < 2 * pairs; ++i) {
          const auto half = [i](const std::vector<U32>& v) {
            return v[i / 2] >> 16 * (i % 2) & 0xffffu;
          };
          double want = 0, magnitude = 0;
          for (const auto& from : input[c]) {
            want += decode_bf16(half(from));
            magnitude += std::abs(decode_bf16(half(from)));
          }
          const double error = std::abs(decode_bf16(half(got)) - want);
          const double allowed =
              std::abs(want) / 256 * 1.001 + magnitude * static_cast<double>(ranks) / (1 << 24);
          if (!(error <= allowed))
            return fmt::format("{}: call {}, rank {}, element {} is {:.5g}, not {:.5g}", which, c,
                               r, i, decode_bf16(half(got)), want);
        }
        for (std::size_t i = pairs; i < pairs + guard; ++i)
          if (got[i] != poison) return fmt::format("{}: rank {} wrote behind its data", which, r);
        if (r == 0) first = got;
        if (got != first) return fmt::format("{}: ranks 0 and {} have different bits", which, r);
      }
    }
  }
  return {};
}

}  // namespace limen::gpu
