// gpu.nccl: NCCL's collectives over message sizes and subsets of devices, in this process; sent to
// streams one by one, and captured in graphs, as a decode step has them.
#include <algorithm>

#include <fmt/format.h>

#include "kernels/cuda/nccl.hpp"
#include "probes/gpu_bench.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

using gpu::Collective;

// One communicator for each number of ranks, opened by the first case that needs it, and vectors on
// each device that all cases have in common.
struct Group {
  std::vector<const gpu::Device*> devices;
  std::size_t bytes;  // of the longest
  std::unique_ptr<gpu::Nccl> nccl{};
  std::vector<gpu::Memory<std::uint8_t>> in{}, out{};
  std::vector<const void*> from{};
  std::vector<void*> to{};

  void make_vectors() {
    if (!from.empty()) return;
    in.clear(), out.clear();  // of an attempt for which memory was too little
    for (const auto* d : devices) {
      in.push_back(gpu::upload(*d, std::vector<std::uint8_t>(bytes, 0x3f)));
      out.emplace_back(*d, bytes);
    }
    for (std::size_t i = 0; i < devices.size(); ++i) {
      from.push_back(in[i].data());
      to.push_back(out[i].data());
    }
  }
};

struct State {
  std::shared_ptr<Group> group;
  Collective what;
  std::size_t bytes;
  bool graph;
  std::vector<std::unique_ptr<gpu::Stopwatch>> watches{};
  std::unique_ptr<gpu::CapturedGraph> captured{};

  void once() { group->nccl->run(what, group->from, group->to, bytes); }
  void prepare() {
    group->make_vectors();
    for (const auto* d : group->devices) watches.push_back(std::make_unique<gpu::Stopwatch>(*d));
    once();  // NCCL connects at the first call, which a graph cannot hold
    for (const auto* d : group->devices) d->synchronize();
    if (graph)
      captured = std::make_unique<gpu::CapturedGraph>(group->devices, [this] {
        for (std::int64_t i = 0; i < graph_length; ++i) once();
      });
  }
  double seconds(std::int64_t inner) {
    const std::int64_t times = graph ? (inner + graph_length - 1) / graph_length : inner;
    for (auto& watch : watches) watch->start();
    for (std::int64_t i = 0; i < times; ++i) {
      if (graph) {
        captured->launch();
      } else {
        once();
      }
    }
    double slowest = 0;
    for (auto& watch : watches) watch->mark();
    for (auto& watch : watches) slowest = std::max(slowest, watch->seconds());
    return slowest * double(inner) / double(graph ? times * graph_length : times);
  }
};

Case make(GpuBench& bench, const std::shared_ptr<Group>& group, Collective what, std::size_t bytes,
          bool graph) {
  auto state = std::make_shared<State>(State{group, what, bytes, graph});
  const std::size_t ranks = group->devices.size();
  GpuCase c;
  c.parameters = {{"collective", std::string(gpu::name(what))},
                  {"ranks", static_cast<std::int64_t>(ranks)},
                  {"bytes", static_cast<std::int64_t>(bytes)},
                  {"sent", std::string(graph ? "graph" : "stream")}};
  const auto moved = model::bytes(static_cast<double>(bytes));
  c.work = {moved, moved, model::flops(0.0)};
  c.least_seconds = 2e-3;
  c.verify = [&bench, group, what, ranks, graph] {
    std::string why;
    if (!group->nccl) group->nccl = gpu::Nccl::open(group->devices, why);
    if (!group->nccl) throw NotHere(why);
    if (const auto not_so = group->nccl->not_in_graphs(); graph && !not_so.empty())
      throw NotHere(not_so);
    return bench.verified(fmt::format("nccl {} {}", gpu::name(what), ranks),
                          [&] { return gpu::verify_nccl(group->devices, *group->nccl, what); });
  };
  c.prepare = [state] { state->prepare(); };
  c.seconds = [state](std::int64_t inner) { return state->seconds(inner); };
  return gpu_case(bench, std::move(c));
}

std::vector<Case> cases(GpuBench& bench) {
  std::vector<Case> all;
  const std::size_t n = bench.devices().size();
  for (std::size_t ranks = 2; ranks <= n; ranks = ranks < n ? std::min(2 * ranks, n) : n + 1) {
    const std::size_t top = std::min(std::size_t{256} << 20, bench.room(0) / 4);
    auto group = std::make_shared<Group>(Group{{}, top});
    for (std::size_t i = 0; i < ranks; ++i) group->devices.push_back(&bench.devices()[i]);
    for (const auto what : gpu::all_collectives)
      for (std::size_t s = 1024; s <= top; s *= bench.quick() ? 16 : 4)
        for (const bool graph : {false, true})
          all.push_back(make(bench, group, what, s / (2 * ranks) * (2 * ranks), graph));
  }
  return all;
}

}  // namespace

const Probe gpu_nccl{"gpu.nccl", "How fast are NCCL's collectives between the GPUs?", nullptr,
                     cases};

}  // namespace limen::probes
