#include "probes/run_gpu.hpp"

#include <fmt/format.h>

#include "results/gpu_gate.hpp"

namespace limen::probes {

void describe_gpus(GpuBench& bench, results::Provenance& p) {
  p.gpu_driver = bench.backend().versions();
  if (const auto driver = bench.nvml().driver(); !driver.empty())
    p.gpu_driver += ", NVIDIA driver " + driver;
  for (const auto& d : bench.devices()) {
    const auto& q = d.properties();
    std::string text = fmt::format(
        "{}: {}, sm_{}{}, {} SMs, {:.1f} GB, {:.0f} MiB second cache, {}", d.number(), q.name,
        q.major, q.minor, q.multiprocessors, 1e-9 * static_cast<double>(q.memory),
        static_cast<double>(q.second_cache) / (1 << 20), q.pci);
    if (const auto state = bench.nvml().describe(q.pci); !state.empty()) text += ", " + state;
    p.gpus.push_back(text);
    p.gpu_memory_bytes.push_back(static_cast<std::int64_t>(q.memory));
    p.gpu_emulated = p.gpu_emulated || q.emulated;
    if (p.gpu_model.empty()) p.gpu_model = q.name;
  }
  p.gpu_notes.insert(p.gpu_notes.end(), bench.left_out().begin(), bench.left_out().end());
}

std::vector<Task> gpu_tasks(GpuBench& bench, const std::vector<const Probe*>& probes) {
  std::vector<Task> tasks;
  for (const auto* probe : probes) {
    try {
      for (auto& c : probe->gpu_cases(bench)) tasks.push_back({probe, std::move(c)});
    } catch (const gpu::DeviceError& e) {
      Case c;
      c.prepare = [why = std::string(e.what())] { return results::Invalid{why}; };
      tasks.push_back({probe, std::move(c)});
    }
  }
  return tasks;
}

void apply_gpu_gate(std::vector<Task>& tasks, const GpuBench& bench, results::RunWriter& writer) {
  const auto& p = bench.devices()[0].properties();
  std::vector<results::Measurement> all;
  for (const auto& task : tasks) all.push_back(task.measured);
  // Two transfers a clock.
  const results::GpuLimits limits{2 * p.memory_hertz * p.bus_bits / 8,
                                  static_cast<double>(p.second_cache)};
  for (const auto& refused : results::gpu_gate(all, limits)) {
    auto& m = tasks[refused.index].measured;
    m.outcome = results::Invalid{refused.reason};
    writer.verdict(m.probe, m.parameters, m.work, m.outcome);
  }
}

}  // namespace limen::probes
