// gpu.stream and gpu.latency: bandwidth of a device's memory and second cache, over
// working sets and grid sizes; and how long a load takes whose address depends on the load before.
#include <algorithm>

#include <fmt/format.h>

#include "kernels/cuda/verify.hpp"
#include "probes/gpu_cases.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

using gpu::Stream;
constexpr std::size_t mib = std::size_t{1} << 20, page = 4096;

struct State {
  GpuBench& bench;
  std::size_t device;
  Stream kernel;
  std::size_t n;  // accesses of an array
  unsigned blocks;
  gpu::Memory<gpu::U64> sum{};
  gpu::U64 expected = 0, executions = 0;
  gpu::U32 value = 0;

  const gpu::Device& d() const { return bench.devices()[device]; }
  gpu::StreamArrays arrays() {
    const auto* from = kernel == Stream::write ? nullptr : bench.data(device).data();
    auto* to = kernel == Stream::read ? nullptr : bench.scratch(device).data();
    return {to, from, from + n, sum.data()};
  }
  void send() {
    gpu::stream(d(), kernel, arrays(), n, blocks, ++value);
    ++executions;
  }
  // The sum of what read reads, on the host.
  void prepare() {
    sum = gpu::upload(d(), std::vector<gpu::U64>{0});
    arrays();
    if (kernel != Stream::read) return;
    constexpr std::size_t piece = 64 * mib / 16;
    for (std::size_t at = 0; at < n; at += piece) {
      const auto part = gpu::download(d(), bench.data(device).data() + at, std::min(piece, n - at));
      for (const auto& v : part)
        expected += (gpu::U64{v.w[1]} << 32 | v.w[0]) + (gpu::U64{v.w[3]} << 32 | v.w[2]);
    }
  }
  std::string check() {
    if (kernel == Stream::read) {
      const auto got = gpu::download(d(), sum.data(), 1)[0];
      return got == expected * executions ? "" : "the checksum of what was read is wrong";
    }
    for (const std::size_t i : {std::size_t{0}, n / 3, n - 1}) {
      const auto got = gpu::download(d(), bench.scratch(device).data() + i, 1)[0];
      bool right = got.w[0] == value && got.w[1] == (value ^ static_cast<gpu::U32>(i));
      if (kernel != Stream::write) {
        const auto b = gpu::download(d(), bench.data(device).data() + i, 1)[0];
        const auto c =
            gpu::download(d(), bench.data(device).data() + (kernel == Stream::triad) * n + i, 1)[0];
        right = true;
        for (int k = 0; k < 4; ++k) {
          const float want = kernel == Stream::copy
                                 ? std::bit_cast<float>(b.w[k])
                                 : std::fma(gpu::triad_factor, std::bit_cast<float>(c.w[k]),
                                            std::bit_cast<float>(b.w[k]));
          right = right && std::bit_cast<gpu::U32>(want) == got.w[k];
        }
      }
      if (!right) return fmt::format("access {} of {} is unwritten or wrong", i, n);
    }
    return {};
  }
};

}  // namespace

GpuCase stream_case(GpuBench& bench, std::size_t device, Stream kernel, std::size_t bytes,
                    unsigned share) {
  const gpu::Device& d = bench.devices()[device];
  const std::size_t n = bytes / 16 / gpu::arrays(kernel);
  const unsigned full = gpu::full_grid(d, d.kernels().read);
  auto state = std::make_shared<State>(State{bench, device, kernel, n, std::max(1u, full / share)});
  GpuCase c;
  c.device = device;
  c.parameters = {{"kernel", std::string(gpu::name(kernel))},
                  {"bytes", static_cast<std::int64_t>(n * 16 * gpu::arrays(kernel))},
                  {"blocks", std::int64_t{state->blocks}}};
  c.work = gpu::stream_work(kernel, n);
  c.verify = [&bench, &d, kernel] {
    return bench.verified(fmt::format("{} {}", gpu::name(kernel), d.number()),
                          [&] { return gpu::verify_stream(d, kernel, bench.seed()); });
  };
  c.prepare = [state] { state->prepare(); };
  c.send = [state](std::int64_t) { state->send(); };
  c.check = [state] { return state->check(); };
  return c;
}

namespace {

std::vector<Case> cases(GpuBench& bench) {
  std::vector<Case> all;
  for (std::size_t device = 0; device < bench.devices().size(); ++device) {
    const std::size_t room = bench.room(device);
    const std::size_t step = bench.quick() ? 4 : 2;
    for (const auto kernel : gpu::all_streams) {
      // Reads over all sizes on the first device; the largest, to compare, on the others. Triad
      // reads two arrays out of one buffer.
      const std::size_t top = kernel == Stream::read ? room : room / 4 * 3;
      if (device == 0) {
        for (std::size_t s = mib / 2; s < top; s *= kernel == Stream::read ? step : 4 * step)
          all.push_back(gpu_case(bench, stream_case(bench, device, kernel, s, 1)));
        for (const unsigned share : {2u, 4u})
          if (kernel == Stream::read)
            all.push_back(
                gpu_case(bench, stream_case(bench, device, kernel, top / page * page, share)));
      }
      if (device == 0 || kernel == Stream::read)
        all.push_back(gpu_case(bench, stream_case(bench, device, kernel, top / page * page, 1)));
    }
  }
  return all;
}

Case make_chase(GpuBench& bench, std::size_t bytes) {
  struct Chase {
    GpuBench& bench;
    std::size_t lines;
    std::vector<gpu::U32> links{};
    gpu::Memory<gpu::U32> memory{}, at{};
    gpu::U64 hops = 0;
  };
  constexpr std::size_t line = 128;
  const gpu::Device& d = bench.devices()[0];
  auto state = std::make_shared<Chase>(Chase{bench, bytes / line});
  GpuCase c;
  c.parameters = {{"bytes", static_cast<std::int64_t>(bytes)}};
  c.verify = [&bench, &d] {
    return bench.verified("chase", [&] { return gpu::verify_chase(d, bench.seed()); });
  };
  c.prepare = [state, &d] {
    state->links = gpu::chase_cycle(state->lines, line, state->bench.seed());
    state->memory = gpu::upload(d, state->links);
    state->at = gpu::upload(d, std::vector<gpu::U32>{0});
  };
  c.seconds = [state, &d](std::int64_t inner) {
    gpu::Stopwatch watch(d);
    const auto& kernel = d.kernels().chase;
    watch.start();
    d.launch(kernel, {{1}, kernel.threads}, state->memory.data(), static_cast<gpu::U64>(inner),
             state->at.data());
    state->hops += static_cast<gpu::U64>(inner);
    return watch.stop();
  };
  c.check = [state, &d]() -> std::string {
    gpu::U32 want = 0;
    for (gpu::U64 i = 0; i < state->hops % state->lines; ++i) want = state->links[want];
    const auto got = gpu::download(d, state->at.data(), 1)[0];
    return got == want ? "" : fmt::format("the chase stopped at {}, not {}", got, want);
  };
  return gpu_case(bench, std::move(c));
}

std::vector<Case> chase_cases(GpuBench& bench) {
  std::vector<Case> all;
  const std::size_t top = std::min(bench.room(0), (bench.quick() ? 256 : 1024) * mib);
  for (std::size_t s = 16 * 1024; s <= top; s *= bench.quick() ? 4 : 2)
    all.push_back(make_chase(bench, s));
  return all;
}

}  // namespace

const Probe gpu_stream{"gpu.stream", "How fast can a GPU read and write its memory and caches?",
                       nullptr, cases};
const Probe gpu_latency{"gpu.latency", "How long does one dependent load take on a GPU?", nullptr,
                        chase_cases};

}  // namespace limen::probes
