#include "probes/registry.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "model/cards/suggest.hpp"
#include "model/error.hpp"
#include "probes/mpi_names.hpp"

namespace limen::probes {

std::span<const Probe> all_probes() {
  static const std::vector<Probe> table = [] {
    std::vector<Probe> all{
        memory_stream, memory_latency, sync_pingpong,   sync_barrier,  sync_allreduce, gemv,
        gemm,          attention,      compute_fma,     gpu_stream,    gpu_latency,    gpu_gemv,
        gpu_gemm,      gpu_attention,  gpu_elementwise, gpu_fma,       gpu_launch,     gpu_barrier,
        gpu_pingpong,  gpu_copy,       gpu_peer,        gpu_allreduce, gpu_nccl,       gpu_energy};
    for (const MpiProbeName& mpi : mpi_probe_names)
      all.push_back({mpi.name, mpi.question, nullptr});
    for (const MpiProbeName& device : device_probe_names)
      all.push_back({device.name, device.question, nullptr});
    return all;
  }();
  return table;
}

std::vector<std::string> nearest(const std::string& name, const std::vector<std::string>& known) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const auto& k : known) {
    const bool part = k.find(name) != std::string::npos;
    ranked.emplace_back(part ? 0 : cards::edit_distance(name, k), k);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> near;
  for (const auto& [far, k] : ranked) {
    if (near.size() < 3 && far <= std::max<std::size_t>(3, k.size() / 2)) near.push_back(k);
  }
  return near;
}

std::vector<const Probe*> select_probes(const std::vector<std::string>& names) {
  std::vector<const Probe*> selected;
  std::set<std::string> unknown(names.begin(), names.end());
  std::vector<std::string> known;
  for (const auto& probe : all_probes()) {
    const std::string family = probe.name.substr(0, probe.name.find('.'));
    known.push_back(probe.name);
    bool wanted = names.empty();
    for (const auto& name : names) {
      if (name != probe.name && name != family) continue;
      wanted = true;
      unknown.erase(name);
    }
    if (wanted) selected.push_back(&probe);
  }
  if (unknown.empty()) return selected;
  const auto near = nearest(*unknown.begin(), known);
  throw Error(fmt::format("there is no probe '{}'; {}", *unknown.begin(),
                          near.empty() ? "limen probe --list names them"
                                       : fmt::format("did you mean {}?", fmt::join(near, " or "))));
}

}  // namespace limen::probes
