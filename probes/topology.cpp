#include "probes/topology.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <thread>

#if LIMEN_HWLOC
#include <hwloc.h>
#endif

#include "probes/host.hpp"

namespace limen::probes {
namespace {

constexpr int most_units = 8192;

// The kernel's mask, for machines of any size.
std::vector<unsigned char> affinity_mask() {
  std::vector<unsigned char> mask(most_units / 8);
  if (sched_getaffinity(0, mask.size(), reinterpret_cast<cpu_set_t*>(mask.data())) != 0)
    mask.clear();
  return mask;
}

std::vector<int> allowed_units() {
  const auto mask = affinity_mask();
  std::vector<int> units;
  for (std::size_t i = 0; i < mask.size() * 8; ++i) {
    if ((mask[i / 8] >> (i % 8) & 1) != 0) units.push_back(static_cast<int>(i));
  }
  if (units.empty()) units.push_back(0);
  return units;
}

}  // namespace

#if LIMEN_HWLOC

struct Topology::Hwloc {
  hwloc_topology_t topology = nullptr;
};

Topology::Topology() {
  const auto allowed = allowed_units();
  const auto may_use = [&](unsigned os) {
    return std::binary_search(allowed.begin(), allowed.end(), static_cast<int>(os));
  };
  auto made = new Hwloc;
  if (hwloc_topology_init(&made->topology) == 0 && hwloc_topology_load(made->topology) == 0) {
    hwloc_ = made;
    std::vector<std::vector<int>> siblings;  // [how many siblings come before][core]
    hwloc_obj_t core = nullptr;
    while ((core = hwloc_get_next_obj_by_type(made->topology, HWLOC_OBJ_CORE, core)) != nullptr) {
      std::size_t place = 0;
      unsigned os = 0;
      hwloc_bitmap_foreach_begin(os, core->cpuset) {
        if (!may_use(os)) continue;
        if (siblings.size() <= place) siblings.resize(place + 1);
        siblings[place++].push_back(static_cast<int>(os));
      }
      hwloc_bitmap_foreach_end();
      cores_ += place > 0;
    }
    for (const auto& row : siblings) units_.insert(units_.end(), row.begin(), row.end());
  } else {
    delete made;
  }
  if (units_.empty()) {
    units_ = allowed;
    cores_ = static_cast<int>(units_.size());
  }
}

Topology::~Topology() {
  if (hwloc_ != nullptr) hwloc_topology_destroy(hwloc_->topology);
  delete hwloc_;
}

bool Topology::write(const std::filesystem::path& file) const {
  return hwloc_ != nullptr && hwloc_topology_export_xml(hwloc_->topology, file.c_str(), 0) == 0;
}

#else

struct Topology::Hwloc {};
Topology::Topology() : units_(allowed_units()), cores_(static_cast<int>(units_.size())) {}
Topology::~Topology() = default;
bool Topology::write(const std::filesystem::path&) const { return false; }

#endif

int Topology::usable() const {
  const double quota = host_limits().cpus;
  const int units = static_cast<int>(units_.size());
  return quota > 0 ? std::clamp(static_cast<int>(std::floor(quota)), 1, units) : units;
}

void Topology::bind(int index) const {
  const int unit = units_[static_cast<std::size_t>(index) % units_.size()];
#if LIMEN_HWLOC
  if (hwloc_ != nullptr) {
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    hwloc_bitmap_only(set, static_cast<unsigned>(unit));
    hwloc_set_cpubind(hwloc_->topology, set, HWLOC_CPUBIND_THREAD);
    hwloc_bitmap_free(set);
    return;
  }
#endif
  std::vector<unsigned char> mask(most_units / 8);
  mask[static_cast<std::size_t>(unit) / 8] = static_cast<unsigned char>(1u << (unit % 8));
  sched_setaffinity(0, mask.size(), reinterpret_cast<const cpu_set_t*>(mask.data()));
}

void Topology::unbind() const {
  std::vector<unsigned char> mask(most_units / 8);
  for (const int unit : units_) {
    mask[static_cast<std::size_t>(unit) / 8] |= static_cast<unsigned char>(1u << (unit % 8));
  }
  sched_setaffinity(0, mask.size(), reinterpret_cast<const cpu_set_t*>(mask.data()));
}

AffinityKeeper::AffinityKeeper() : mask_(affinity_mask()) {}
AffinityKeeper::~AffinityKeeper() {
  if (!mask_.empty()) {
    sched_setaffinity(0, mask_.size(), reinterpret_cast<const cpu_set_t*>(mask_.data()));
  }
}

}  // namespace limen::probes
