// gpu.energy: what a GPU draws at rest, and while it reads memory (at several rates, which tells
// the energy of a byte from what is drawn anyway), reads its cache, and multiplies.
//
// Windows of seconds, since NVML counts energy some ten times a second, each after a while of the
// same work: the power of a device takes some tenths of a second to follow what it does.
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "probes/gpu_cases.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

using Clock = std::chrono::steady_clock;
using gpu::Format;
using gpu::Stream;
constexpr std::chrono::milliseconds settling{300};

Case over_a_window(GpuBench& bench, const std::string& kernel, const std::string& residence,
                   GpuCase c) {
  const gpu::Device& d = bench.devices()[c.device];
  c.parameters["kernel"] = kernel;
  if (!residence.empty()) c.parameters["residence"] = residence;
  c.energy = true;
  c.least_seconds = bench.quick() ? 1 : 2;
  c.prepare = [&bench, &d, prepare = c.prepare] {
    if (!bench.nvml().joules(d.properties().pci))
      throw NotHere("NVML counts no energy of this device");
    if (prepare) prepare();
  };
  if (c.send)
    c.warm = [&d, send = c.send] {
      std::int64_t turn = 0;
      for (const auto start = Clock::now(); Clock::now() - start < settling; d.synchronize())
        send(turn++);
    };
  return gpu_case(bench, std::move(c));
}

// An execution is a millisecond in which the host sends nothing.
GpuCase rest() {
  GpuCase c;
  c.warm = [] { std::this_thread::sleep_for(settling); };
  c.seconds = [](std::int64_t inner) {
    const auto start = Clock::now();
    std::this_thread::sleep_for(std::chrono::milliseconds(inner));
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  return c;
}

std::vector<Case> cases(GpuBench& bench) {
  const std::size_t most = bench.room(0) / 4 * 3;
  const std::size_t cache = bench.devices()[0].properties().second_cache;
  const std::string far = most >= 4 * cache ? "cold" : "cached";
  std::vector<Case> all;
  const auto stream = [&](Stream kernel, std::size_t bytes, unsigned share,
                          const std::string& residence) {
    all.push_back(over_a_window(bench, gpu::name(kernel), residence,
                                stream_case(bench, 0, kernel, bytes, share)));
  };
  all.push_back(over_a_window(bench, "rest", "", rest()));
  stream(Stream::read, most, 1, far);
  stream(Stream::copy, most, 1, far);
  if (bench.quick()) return all;
  // So few blocks that they cannot ask for all that the memory delivers.
  for (const unsigned share : {16u, 64u}) stream(Stream::read, most, share, far);
  for (const unsigned share : {1u, 16u}) stream(Stream::read, cache / 4, share, "cached");
  const auto blas = std::make_shared<Blas>(bench.devices()[0]);
  all.push_back(
      over_a_window(bench, "gemv", "", gemv_case(bench, {Format::bf16, 28672, 8192}, true)));
  for (const auto f : {Format::bf16, Format::fp8})
    for (const unsigned tokens : {128u, 4096u})
      all.push_back(
          over_a_window(bench, "gemm", "", blas_case(bench, blas, {f, 28672, 8192, tokens})));
  return all;
}

}  // namespace

const Probe gpu_energy{
    "gpu.energy", "What energy does a GPU use, at rest, for bytes and for FLOPs?", nullptr, cases};

}  // namespace limen::probes
