#include "results/gpu_gate.hpp"

#include <fmt/format.h>

#include "results/statistics.hpp"

namespace limen::results {

std::vector<Refused> gpu_gate(const std::vector<Measurement>& measurements,
                              const GpuLimits& limits) {
  constexpr double margin = 1.05;
  std::vector<Refused> refused;
  for (std::size_t i = 0; i < measurements.size() && limits.bandwidth > 0; ++i) {
    const Measurement& m = measurements[i];
    const auto* samples = std::get_if<Samples>(&m.outcome);
    if (samples == nullptr || samples->visits.empty()) continue;
    const auto bytes = m.parameters.find("bytes"), residence = m.parameters.find("residence");
    const bool stream =
        m.probe == "gpu.stream" && bytes != m.parameters.end() &&
        static_cast<double>(std::get<std::int64_t>(bytes->second)) >= 4 * limits.cache;
    const bool cold =
        residence != m.parameters.end() && residence->second == ParameterValue(std::string("cold"));
    if (!stream && !cold) continue;
    const double rate = m.work.moved().in(model::bytes) / summarize(*samples).median;
    if (rate > margin * limits.bandwidth)
      refused.push_back({i, fmt::format("impossible: {:.0f} GB/s from memory whose clock and bus "
                                        "give {:.0f}",
                                        rate / 1e9, limits.bandwidth / 1e9)});
  }
  return refused;
}

}  // namespace limen::results
