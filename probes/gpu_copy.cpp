// gpu.copy and gpu.peer: bandwidth and latency between host and device, and between devices.
#include <fmt/format.h>

#include "probes/gpu_bench.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

// Pinned memory of the host.
class Pinned {
 public:
  Pinned(gpu::Backend& backend, std::size_t bytes)
      : backend_(backend), data_(static_cast<std::uint8_t*>(backend.allocate_pinned(bytes))) {}
  ~Pinned() { backend_.release_pinned(data_); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  std::uint8_t* data() const { return data_; }

 private:
  gpu::Backend& backend_;
  std::uint8_t* data_;
};

std::vector<std::uint8_t> pattern(std::size_t bytes) {
  std::vector<std::uint8_t> out(bytes);
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::uint8_t>(i * 7 + i / 251 + 1);
  return out;
}

Case make_copy(GpuBench& bench, std::size_t device, bool to_device, std::size_t bytes) {
  struct Copy {
    std::unique_ptr<Pinned> host{};
    gpu::Memory<std::uint8_t> memory{};
  };
  const gpu::Device& d = bench.devices()[device];
  auto state = std::make_shared<Copy>();
  GpuCase c;
  c.device = device;
  c.parameters = {{"direction", std::string(to_device ? "to device" : "to host")},
                  {"bytes", static_cast<std::int64_t>(bytes)}};
  const auto n = model::bytes(static_cast<double>(bytes));
  c.work = {n, n, model::flops(0.0)};
  // What arrives must be what was sent: the far side is poisoned first.
  c.prepare = [state, &bench, &d, to_device, bytes] {
    state->host = std::make_unique<Pinned>(bench.backend(), bytes);
    const auto sent = pattern(bytes);
    state->memory = gpu::upload(d, to_device ? std::vector<std::uint8_t>(bytes, 0) : sent);
    for (std::size_t i = 0; i < bytes; ++i)
      state->host->data()[i] = to_device ? sent[i] : std::uint8_t{0};
  };
  c.send = [state, &d, to_device, bytes](std::int64_t) {
    if (to_device) {
      d.copy(state->memory.data(), state->host->data(), bytes);
    } else {
      d.copy(state->host->data(), state->memory.data(), bytes);
    }
  };
  c.check = [state, &d, bytes]() -> std::string {
    const auto sent = pattern(bytes), there = gpu::download(d, state->memory.data(), bytes);
    for (std::size_t i = 0; i < bytes; ++i)
      if (there[i] != sent[i] || state->host->data()[i] != sent[i])
        return fmt::format("byte {} did not arrive", i);
    return {};
  };
  return gpu_case(bench, std::move(c));
}

std::vector<Case> copy_cases(GpuBench& bench) {
  std::vector<Case> all;
  for (std::size_t device = 0; device < bench.devices().size(); ++device) {
    const std::size_t top = std::min(64 * mib, bench.room(device) / 4);
    for (const bool to_device : {true, false})
      for (std::size_t s = 4; s <= top; s *= bench.quick() || device > 0 ? 256 : 16)
        all.push_back(make_copy(bench, device, to_device, s));
  }
  return all;
}

Case make_peer(GpuBench& bench, std::size_t from, std::size_t to, std::size_t bytes) {
  struct Copy {
    gpu::Memory<std::uint8_t> source{}, target{};
  };
  const gpu::Device &a = bench.devices()[from], &b = bench.devices()[to];
  auto state = std::make_shared<Copy>();
  GpuCase c;
  c.device = from;
  c.parameters = {{"peer", std::int64_t{b.number()}}, {"bytes", static_cast<std::int64_t>(bytes)}};
  const auto n = model::bytes(static_cast<double>(bytes));
  c.work = {n, n, model::flops(0.0)};
  c.reachable = {&a, &b};
  c.prepare = [state, &a, &b, bytes] {
    a.backend().reach(a.number(), b.number());
    state->source = gpu::upload(a, pattern(bytes));
    state->target = gpu::upload(b, std::vector<std::uint8_t>(bytes, 0));
  };
  c.send = [state, &a, bytes](std::int64_t) {
    a.copy(state->target.data(), state->source.data(), bytes);
  };
  c.check = [state, &b, bytes]() -> std::string {
    return gpu::download(b, state->target.data(), bytes) == pattern(bytes)
               ? ""
               : "what arrived is not what was sent";
  };
  return gpu_case(bench, std::move(c));
}

std::vector<Case> peer_cases(GpuBench& bench) {
  std::vector<Case> all;
  const std::size_t n = bench.devices().size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < n; ++k) {
      if (i == k) continue;
      const std::size_t top = std::min({64 * mib, bench.room(i) / 4, bench.room(k) / 4});
      for (std::size_t s = 4; s <= top; s *= i == 0 && k == 1 && !bench.quick() ? 16 : 4096)
        all.push_back(make_peer(bench, i, k, s));
    }
  }
  return all;
}

}  // namespace

const Probe gpu_copy{"gpu.copy", "How fast do data travel between the host and a GPU?", nullptr,
                     copy_cases};
const Probe gpu_peer{"gpu.peer", "How fast do data travel from one GPU to another?", nullptr,
                     peer_cases};

}  // namespace limen::probes
