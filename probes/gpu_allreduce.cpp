// gpu.allreduce: limen's own all-reduces over peer memory, one shot and two, over message sizes and
// subsets of devices; inside one kernel (the exchange alone) and as kernels of a graph, one a call.
#include <algorithm>

#include <fmt/format.h>

#include "kernels/cuda/numbers.hpp"
#include "kernels/cuda/verify.hpp"
#include "probes/gpu_bench.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

using gpu::AllReduce;
using gpu::U32;

struct State {
  std::vector<const gpu::Device*> devices;
  AllReduce kind;
  std::size_t bytes;
  bool graph;
  std::unique_ptr<gpu::Peers> peers{};
  std::vector<gpu::Memory<U32>> data{}, out{};
  std::vector<std::unique_ptr<gpu::Stopwatch>> watches{};
  std::unique_ptr<gpu::CapturedGraph> captured{};
  bool set_up = false;

  U32 word(std::size_t rank, std::size_t i) const {  // small integers: sums are exact
    const auto value = static_cast<U32>((i * 3 + rank * 5) % 7 + 1);
    const auto bf16 = std::bit_cast<U32>(static_cast<float>(value)) >> 16;
    return bf16 | bf16 << 16;
  }
  U32 sum(std::size_t i) const {
    float all = 0;
    for (std::size_t r = 0; r < devices.size(); ++r)
      all += static_cast<float>(gpu::decode_bf16(word(r, i) & 0xffffu));
    const auto bf16 = std::bit_cast<U32>(all) >> 16;
    return bf16 | bf16 << 16;
  }
  void prepare() {
    peers = std::make_unique<gpu::Peers>(devices, bytes);
    for (std::size_t r = 0; r < devices.size(); ++r) {
      std::vector<U32> words(bytes / 4);
      for (std::size_t i = 0; i < words.size(); ++i) words[i] = word(r, i);
      data.push_back(gpu::upload(*devices[r], words));
      out.push_back(gpu::upload(*devices[r], std::vector<U32>(bytes / 4, 0xffffffffu)));
      watches.push_back(std::make_unique<gpu::Stopwatch>(*devices[r]));
    }
    peers->set_up(kind, bytes);
    if (!graph) return;
    captured = std::make_unique<gpu::CapturedGraph>(devices, [&] {
      for (std::int64_t i = 0; i < graph_length; ++i)
        for (std::size_t r = 0; r < devices.size(); ++r) send(r, 1);
    });
  }
  void send(std::size_t rank, U32 calls) {
    peers->send(rank, data[rank].data(), out[rank].data(), calls,
                devices[rank]->backend().patience());
  }
  // The slowest rank's time. Ranks are started one after the other: many calls make that nothing.
  double seconds(std::int64_t inner) {
    const std::int64_t graphs_of_each = (inner + graph_length - 1) / graph_length;
    for (auto& watch : watches) watch->start();
    if (graph) {
      for (std::int64_t g = 0; g < graphs_of_each; ++g) captured->launch();
      peers->sent_again(static_cast<U32>(graphs_of_each * graph_length));
    } else {
      for (std::size_t r = 0; r < devices.size(); ++r) send(r, static_cast<U32>(inner));
    }
    double slowest = 0;
    for (auto& watch : watches) watch->mark();
    for (auto& watch : watches) slowest = std::max(slowest, watch->seconds());
    return graph ? slowest * static_cast<double>(inner) /
                       static_cast<double>(graphs_of_each * graph_length)
                 : slowest;
  }
  std::string check() {
    if (auto trouble = peers->trouble(); !trouble.empty()) return trouble;
    for (std::size_t r = 0; r < devices.size(); ++r) {
      const auto got = gpu::download(*devices[r], out[r].data(), bytes / 4);
      for (std::size_t i = 0; i < got.size(); ++i)
        if (got[i] != sum(i)) return fmt::format("rank {} has a wrong sum at pair {}", r, i);
    }
    return {};
  }
};

Case make(GpuBench& bench, std::size_t ranks, AllReduce kind, std::size_t bytes, bool graph) {
  std::vector<const gpu::Device*> devices;
  for (std::size_t i = 0; i < ranks; ++i) devices.push_back(&bench.devices()[i]);
  auto state = std::make_shared<State>(State{devices, kind, bytes, graph});
  GpuCase c;
  c.parameters = {{"kind", std::string(gpu::name(kind))},
                  {"ranks", static_cast<std::int64_t>(ranks)},
                  {"bytes", static_cast<std::int64_t>(bytes)},
                  {"sent", std::string(graph ? "graph" : "kernel")}};
  c.work = gpu::all_reduce_work(bytes);
  c.least_seconds = 2e-3;
  c.reachable = devices;
  c.verify = [&bench, devices, kind] {
    return bench.verified(fmt::format("{} {}", gpu::name(kind), devices.size()),
                          [&] { return gpu::verify_all_reduce(devices, kind, bench.seed()); });
  };
  c.prepare = [state] { state->prepare(); };
  c.seconds = [state](std::int64_t inner) { return state->seconds(inner); };
  c.check = [state] { return state->check(); };
  return gpu_case(bench, std::move(c));
}

std::vector<Case> cases(GpuBench& bench) {
  std::vector<Case> all;
  const std::size_t most = std::min<std::size_t>(bench.devices().size(), gpu::most_ranks);
  for (std::size_t ranks = 2; ranks <= most;
       ranks = ranks < most ? std::min(2 * ranks, most) : most + 1) {
    for (const auto kind : {AllReduce::one_shot, AllReduce::two_shot}) {
      for (std::size_t s = 1024; s <= (1u << 20); s *= bench.quick() ? 8 : 2) {
        all.push_back(make(bench, ranks, kind, s, true));
        all.push_back(make(bench, ranks, kind, s, false));
      }
    }
  }
  return all;
}

}  // namespace

const Probe gpu_allreduce{"gpu.allreduce", "How fast can GPUs add up vectors over their links?",
                          nullptr, cases};

}  // namespace limen::probes
