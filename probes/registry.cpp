#include "probes/registry.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::probes {
namespace {

std::size_t distance(const std::string& a, const std::string& b) {  // Levenshtein
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::span<const Probe> all_probes() {
  static const std::vector<Probe> table{memory_stream,  memory_latency, sync_pingpong, sync_barrier,
                                        sync_allreduce, gemv,           gemm,          compute_fma};
  return table;
}

std::vector<std::string> nearest(const std::string& name, const std::vector<std::string>& known) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const auto& k : known) {
    const bool part = k.find(name) != std::string::npos;
    ranked.emplace_back(part ? 0 : distance(name, k), k);
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
