// The bench that all cases share: the pinned team, memory next to each member, and the extent of
// the sweep.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/cpu/buffer.hpp"
#include "kernels/cpu/gemm.hpp"
#include "kernels/cpu/team.hpp"

namespace limen::probes {

class Topology;

// How large the sweep is.
struct Extent {
  bool quick = false;
  std::uint64_t seed = 1;
  std::size_t memory = 0;  // bytes that the bench may use
  int max_threads = 0;     // 0: all
};

class Bench {
 public:
  Bench(const Topology& topology, const Extent& extent);

  bool quick() const { return extent_.quick; }
  std::uint64_t seed() const { return extent_.seed; }
  kernels::Team& team() { return team_; }
  // The OS number of the processing unit that a member is pinned to.
  int unit(int member) const { return units_[static_cast<std::size_t>(member)]; }
  // 1, powers of two, and all.
  const std::vector<int>& thread_counts() const { return counts_; }
  int all_threads() const { return counts_.back(); }

  // The largest working set over all threads: every member's chunk holds its part of it at each
  // thread count.
  std::size_t largest() const { return largest_; }
  // Bytes of a member's chunk that belong to it when `threads` run.
  std::size_t part(int threads) const {
    return largest_ / static_cast<std::size_t>(threads) / 4096 * 4096;
  }
  // Memory of a member, touched first by it. `data` is full of words that are valid and not zero in
  // any format (as bf16, fp32, fp64: +-[1, 2) or small; as integers: any) and never written again;
  // `scratch` is for results. It is there after use_data() and use_scratch(), which run the team: a
  // case calls them while it prepares, outside any task of the team.
  void use_data();
  void use_scratch();
  std::byte* data(int member) const { return data_[static_cast<std::size_t>(member)].data(); }
  std::byte* scratch(int member) const { return scratch_[static_cast<std::size_t>(member)].data(); }

  // x for any product: columns * tokens values in [-1, 1), as fp32 or fp64.
  static constexpr std::size_t max_cols = 28672, max_tokens = 64;
  const void* x(kernels::Format format);
  std::span<const kernels::Workspace> workspaces();

 private:
  Extent extent_;
  std::vector<int> units_;
  kernels::Team team_;
  std::vector<int> counts_;
  std::size_t largest_ = 0;
  std::vector<kernels::Buffer> data_, scratch_;
  kernels::Buffer x32_, x64_;
  std::vector<kernels::Workspace> workspaces_;
};

}  // namespace limen::probes
