// Which processing units this process may use, in the order in which threads are placed: one on
// every core first, their siblings after. By hwloc where it was built in, else by the kernel's
// affinity mask (then in the order of numbers).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace limen::probes {

class Topology {
 public:
  Topology();
  ~Topology();
  Topology(const Topology&) = delete;
  Topology& operator=(const Topology&) = delete;

  // OS numbers, in placing order.
  const std::vector<int>& processing_units() const { return units_; }
  int cores() const { return cores_; }
  // Threads that can run at once: the units, or fewer where the cgroup or the batch job allows no
  // more.
  int usable() const;
  // Pins the calling thread to unit number `index` of the order.
  void bind(int index) const;
  // Lets the calling thread run on all of them again.
  void unbind() const;
  // Writes hwloc's XML; false without hwloc.
  bool write(const std::filesystem::path& file) const;

 private:
  struct Hwloc;
  Hwloc* hwloc_ = nullptr;
  std::vector<int> units_;
  int cores_ = 0;
};

// The affinity of the calling thread, put back when this leaves: children started later must not
// inherit our pinning.
class AffinityKeeper {
 public:
  AffinityKeeper();
  ~AffinityKeeper();
  AffinityKeeper(const AffinityKeeper&) = delete;
  AffinityKeeper& operator=(const AffinityKeeper&) = delete;

 private:
  std::vector<unsigned char> mask_;
};

}  // namespace limen::probes
