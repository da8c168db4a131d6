#include "probes/gpu_bench.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kernels/cuda/cuda_backend.hpp"
#include "kernels/cuda/verify.hpp"

namespace limen::probes {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

std::string why_left_out(const gpu::DeviceError& e, const std::string& device) {
  constexpr int no_kernel_image = 209, unsupported_ptx = 222;
  const bool no_code = e.code() == no_kernel_image || e.code() == unsupported_ptx;
  return fmt::format("{} is left out: {}{}", device, e.what(),
                     no_code ? "; this limen has no code for it, build with "
                               "-DLIMEN_CUDA_ARCHITECTURES=native on its machine"
                             : "");
}

}  // namespace

void try_out(const gpu::Device& device) {
  const auto count = gpu::upload(device, std::vector<gpu::U32>{7});
  const auto& kernel = device.kernels().nothing;
  device.launch(kernel, {{1}, kernel.threads}, count.data());
  if (gpu::download(device, count.data(), 1)[0] != 8)
    throw gpu::DeviceError("a kernel that counts to one does not", 999);
}

GpuBench::GpuBench(const GpuExtent& extent, std::unique_ptr<gpu::Backend> backend)
    : extent_(extent), backend_(std::move(backend)), nvml_(extent.nvml) {
  const int count = backend_->devices();
  for (int i = 0; i < count; ++i) {
    if (extent_.only >= 0 && i != extent_.only) continue;  // others are not even touched
    std::string name = fmt::format("GPU {}", i);
    try {
      gpu::Device device(*backend_, i);
      name = fmt::format("GPU {} ({}, {})", i, device.properties().name, device.properties().pci);
      try_out(device);
      room_.push_back(std::min<std::size_t>(
          (extent_.quick ? 1024 : 4096) * mib,
          static_cast<std::size_t>(extent_.memory_share / 2 *
                                   static_cast<double>(backend_->free_memory(i)))));
      devices_.push_back(std::move(device));
    } catch (const gpu::DeviceError& e) {
      if (e.no_device()) throw;
      left_out_.push_back(why_left_out(e, name));
    }
  }
  data_.resize(devices_.size());
  scratch_.resize(devices_.size());
}

std::unique_ptr<GpuBench> GpuBench::open(const GpuExtent& extent, std::string& why,
                                         std::unique_ptr<gpu::Backend> backend) {
  if (!backend) backend = gpu::make_cuda_backend(why);
  if (!backend) return nullptr;
  try {
    std::unique_ptr<GpuBench> bench(new GpuBench(extent, std::move(backend)));
    if (!bench->devices_.empty()) return bench;
    why = bench->left_out_.empty() ? "CUDA counts no device" : bench->left_out_.front();
  } catch (const gpu::DeviceError& e) {
    why = e.what();
  }
  return nullptr;
}

gpu::Memory<gpu::Words> GpuBench::most_memory(std::size_t device) const {
  // Others may have taken memory since we asked: half of it, and half of that.
  for (std::size_t bytes = room_[device];; bytes /= 2) {
    try {
      return {devices_[device], bytes / mib * mib / 16};
    } catch (const gpu::DeviceError& e) {
      if (!e.out_of_memory() || bytes / 2 < least) throw;
    }
  }
}

std::size_t GpuBench::room(std::size_t device) const {
  return data_[device].data() != nullptr ? data_[device].bytes() : room_[device];
}

const gpu::Memory<gpu::Words>& GpuBench::data(std::size_t device) {
  auto& memory = data_[device];
  if (memory.data() != nullptr) return memory;
  if (room_[device] < least) throw gpu::DeviceError("less than 1 MiB of device memory is free", 2);
  auto made = most_memory(device);
  const gpu::Device& d = devices_[device];
  // One block of random words, over and over. As bf16: +-[1, 2); as fp16: near 2; as fp32: +-1; as
  // fp8 and integers: anything that is a number.
  std::vector<gpu::Words> block(std::min(made.size(), mib / 16));
  std::uint64_t state = seed() + 0x9E3779B97F4A7C15u * (device + 1);
  for (auto& words : block) {
    for (auto& w : words.w) {
      state ^= state << 13;  // xorshift64
      state ^= state >> 7;
      state ^= state << 17;
      w = (static_cast<std::uint32_t>(state >> 16) & 0x807e807eu) | 0x3f803f80u;
    }
  }
  for (std::size_t at = 0; at < made.size(); at += block.size())
    d.copy(made.data() + at, block.data(), std::min(block.size(), made.size() - at) * 16);
  d.synchronize();
  memory = std::move(made);
  return memory;
}

const gpu::Memory<gpu::Words>& GpuBench::scratch(std::size_t device) {
  auto& memory = scratch_[device];
  if (memory.data() != nullptr) return memory;
  memory = most_memory(device);
  devices_[device].fill(memory.data(), 0xfd, memory.bytes());
  devices_[device].synchronize();
  return memory;
}

const std::string& GpuBench::verified(const std::string& what,
                                      const std::function<std::string()>& check) {
  const auto found = verified_.find(what);
  if (found != verified_.end()) return found->second;
  return verified_[what] = check();
}

results::Parameters on_device(const GpuBench& bench, std::size_t device,
                              results::Parameters parameters) {
  parameters["device"] = std::int64_t{bench.devices()[device].number()};
  return parameters;
}

namespace {

struct State {
  GpuCase what;
  Disturbance disturbance;
  std::string failure{};
  std::int64_t turn = 0;
  std::unique_ptr<gpu::Stopwatch> watch{};
  std::unique_ptr<gpu::CapturedGraph> graph{};

  // Waits, having looked at what slows the device while it works.
  double stop() {
    watch->mark();
    disturbance.look();
    return watch->seconds();
  }
  double run(const gpu::Device& device, std::int64_t inner) {
    if (what.seconds) {
      const double seconds = what.seconds(inner);
      disturbance.look();
      return seconds;
    }
    if (!watch) watch = std::make_unique<gpu::Stopwatch>(device);
    const std::int64_t length = what.graph_length;
    if (length == 0) {
      watch->start();
      for (std::int64_t i = 0; i < inner; ++i) what.send(turn++);
      return stop();
    }
    if (!graph)
      graph = std::make_unique<gpu::CapturedGraph>(device, [&] {
        for (std::int64_t i = 0; i < length; ++i) what.send(i);
      });
    const std::int64_t graphs = (inner + length - 1) / length;
    watch->start();
    for (std::int64_t i = 0; i < graphs; ++i) graph->launch();
    turn += graphs * length;
    return stop() * static_cast<double>(inner) / static_cast<double>(graphs * length);
  }
};

void require_peers(const std::vector<const gpu::Device*>& devices) {
  if (const auto why = gpu::out_of_reach(devices); !why.empty()) throw NotHere(why);
}

}  // namespace

Case gpu_case(GpuBench& bench, GpuCase what) {
  const gpu::Device& device = bench.devices()[what.device];
  const std::string& pci = device.properties().pci;
  auto state = std::make_shared<State>(State{std::move(what), {bench.nvml(), pci}});
  Case c;
  c.parameters = on_device(bench, state->what.device, state->what.parameters);
  c.work = state->what.work;
  c.least_seconds = state->what.least_seconds;
  c.prepare = [state]() -> std::optional<results::Outcome> {
    try {
      require_peers(state->what.reachable);
      if (state->what.verify) {
        if (auto wrong = state->what.verify(); !wrong.empty()) return results::Invalid{wrong};
      }
      if (state->what.prepare) state->what.prepare();
    } catch (const NotHere& e) {
      return results::Skipped{e.what()};
    } catch (const gpu::DeviceError& e) {
      if (e.out_of_memory() || e.not_supported()) return results::Skipped{e.what()};
      return results::Invalid{e.what()};
    }
    return {};
  };
  c.timed = [state, &device](std::int64_t inner) {
    constexpr double none = 1e-9;  // never used: check() says that it failed
    if (!state->failure.empty()) return none;
    try {
      return std::max(none, state->run(device, inner));
    } catch (const gpu::DeviceError& e) {
      state->failure = e.what();
      return none;
    }
  };
  c.warm = [state] {
    if (!state->failure.empty()) return;
    try {
      if (state->what.warm) state->what.warm();
    } catch (const gpu::DeviceError& e) {
      state->failure = e.what();
    }
    state->disturbance.begin();
  };
  c.marks = [state, &device] {
    return state->disturbance.end() | (device.properties().emulated ? results::emulated : 0u);
  };
  if (state->what.energy) c.joules = [&bench, &pci] { return bench.nvml().joules(pci); };
  c.check = [state]() -> std::string {
    if (!state->failure.empty()) return state->failure;
    try {
      return state->what.check ? state->what.check() : "";
    } catch (const gpu::DeviceError& e) {
      return e.what();
    }
  };
  return c;
}

}  // namespace limen::probes
