// gpu.launch, gpu.barrier and gpu.pingpong: what it costs to start a kernel, to meet across a grid,
// and to pass a flag, on one device and between two.
#include <chrono>

#include <fmt/format.h>

#include "kernels/cuda/verify.hpp"
#include "probes/gpu_bench.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

using gpu::U32;

// An empty kernel: back to back in a stream, in a graph, and there and back as the host sees it.
Case make_launch(GpuBench& bench, const std::string& sent) {
  const gpu::Device& d = bench.devices()[0];
  struct Launches {
    gpu::Memory<U32> count{};
    bool ran = false;
  };
  auto state = std::make_shared<Launches>();
  GpuCase c;
  c.parameters = {{"sent", sent}};
  c.verify = [&bench, &d] {
    return bench.verified("launch", [&] { return gpu::verify_launch(d); });
  };
  c.prepare = [state, &d] { state->count = gpu::upload(d, std::vector<U32>{0}); };
  const auto send = [state, &d](std::int64_t) {
    const auto& kernel = d.kernels().nothing;
    d.launch(kernel, {{1}, kernel.threads}, state->count.data());
    state->ran = true;
  };
  c.send = send;
  if (sent == "graph") c.graph_length = 64;
  if (sent == "round trip") {
    c.seconds = [&d, send](std::int64_t inner) {
      using Clock = std::chrono::steady_clock;
      const auto start = Clock::now();
      for (std::int64_t i = 0; i < inner; ++i) {
        send(i);
        d.synchronize();
      }
      return std::chrono::duration<double>(Clock::now() - start).count();
    };
  }
  c.check = [state, &d]() -> std::string {
    if (!state->ran) return {};
    return gpu::download(d, state->count.data(), 1)[0] > 0 ? "" : "no launch has run";
  };
  return gpu_case(bench, std::move(c));
}

std::vector<Case> launch_cases(GpuBench& bench) {
  return {make_launch(bench, "stream"), make_launch(bench, "graph"),
          make_launch(bench, "round trip")};
}

Case make_barrier(GpuBench& bench, unsigned blocks) {
  const gpu::Device& d = bench.devices()[0];
  struct Barrier {
    gpu::Memory<U32> arrived{}, seen{};
    gpu::Memory<gpu::Status> status{};
  };
  auto state = std::make_shared<Barrier>();
  GpuCase c;
  c.parameters = {{"blocks", std::int64_t{blocks}}};
  c.verify = [&bench, &d] {
    return bench.verified("grid barrier", [&] { return gpu::verify_grid_barrier(d); });
  };
  c.prepare = [state, &d, blocks] {
    state->arrived = gpu::upload(d, std::vector<U32>{0});
    state->seen = {d, std::size_t{blocks} * gpu::barrier_threads};
    state->status = gpu::upload(d, std::vector<gpu::Status>{0});
  };
  c.seconds = [state, &d, blocks](std::int64_t inner) {
    gpu::Stopwatch watch(d);
    d.fill(state->arrived.data(), 0, sizeof(U32));
    d.fill(state->seen.data(), 0, state->seen.bytes());
    watch.start();
    gpu::grid_barrier(d, blocks, static_cast<U32>(inner), state->arrived.data(), state->seen.data(),
                      d.backend().patience(), state->status.data());
    return watch.stop();
  };
  c.check = [state, &d] {
    const auto status = gpu::download(d, state->status.data(), 1)[0];
    return status == 0 ? "" : fmt::format("block {} did not come to the barrier", status - 1);
  };
  return gpu_case(bench, std::move(c));
}

std::vector<Case> barrier_cases(GpuBench& bench) {
  const unsigned all = gpu::barrier_grid(bench.devices()[0]);
  return {make_barrier(bench, std::min(2u, all)), make_barrier(bench, all)};
}

// The time of a flag one way: half a round trip.
Case make_pingpong(GpuBench& bench, std::size_t first, std::size_t second) {
  struct Game {
    gpu::Memory<U32> near{}, far{};
    gpu::Memory<gpu::Status> near_status{}, far_status{};
    U32 next = 1;
  };
  const gpu::Device &a = bench.devices()[first], &b = bench.devices()[second];
  auto state = std::make_shared<Game>();
  GpuCase c;
  c.device = first;
  c.parameters = {{"peer", std::int64_t{b.number()}}};
  if (a.number() != b.number()) c.reachable = {&a, &b};
  c.verify = [&bench, &a, &b] {
    if (a.number() != b.number()) {
      a.backend().reach(a.number(), b.number());
      b.backend().reach(b.number(), a.number());
    }
    return bench.verified(fmt::format("pingpong {} {}", a.number(), b.number()),
                          [&] { return gpu::verify_pingpong(a, b); });
  };
  c.prepare = [state, &a, &b] {
    state->near = gpu::upload(a, std::vector<U32>(64, 0));
    state->far = gpu::upload(b, std::vector<U32>(64, 0));
    state->near_status = gpu::upload(a, std::vector<gpu::Status>{0});
    state->far_status = gpu::upload(b, std::vector<gpu::Status>{0});
  };
  c.seconds = [state, &a, &b](std::int64_t inner) {
    const auto rounds = static_cast<U32>((inner + 1) / 2);  // two ways a round
    const U32 polls = a.backend().patience();
    gpu::Stopwatch watch(a);
    watch.start();
    if (a.number() == b.number()) {
      const auto& kernel = a.kernels().pingpong_blocks;
      a.launch(kernel, {{2}, kernel.threads, true}, state->near.data(), state->next, rounds, polls,
               state->near_status.data());
    } else {
      const auto& kernel = a.kernels().pingpong;
      a.launch(kernel, {{1}, kernel.threads}, 0u, state->near.data(), state->far.data(),
               state->next, rounds, polls, state->near_status.data());
      b.launch(kernel, {{1}, kernel.threads}, 1u, state->far.data(), state->near.data(),
               state->next, rounds, polls, state->far_status.data());
    }
    state->next += rounds;
    const double seconds = watch.stop();
    b.synchronize();
    return seconds * static_cast<double>(inner) / (2.0 * rounds);
  };
  c.check = [state, &a, &b] {
    const bool lost = gpu::download(a, state->near_status.data(), 1)[0] != 0 ||
                      gpu::download(b, state->far_status.data(), 1)[0] != 0;
    return lost ? "a flag never came" : "";
  };
  return gpu_case(bench, std::move(c));
}

std::vector<Case> pingpong_cases(GpuBench& bench) {
  std::vector<Case> all;
  const std::size_t n = bench.devices().size();
  if (bench.devices()[0].properties().cooperative) all.push_back(make_pingpong(bench, 0, 0));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = i + 1; k < n; ++k) all.push_back(make_pingpong(bench, i, k));
  return all;
}

}  // namespace

const Probe gpu_launch{"gpu.launch", "What does it cost to start a kernel?", nullptr, launch_cases};
const Probe gpu_barrier{"gpu.barrier", "How long does a barrier across a whole GPU take?", nullptr,
                        barrier_cases};
const Probe gpu_pingpong{"gpu.pingpong", "How long does a flag take, on a GPU and to another one?",
                         nullptr, pingpong_cases};

}  // namespace limen::probes
