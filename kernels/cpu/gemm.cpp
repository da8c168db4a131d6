#include "kernels/cpu/gemm.hpp"

#include <hwy/targets.h>

#include "kernels/cpu/gemm_parts.hpp"
#include "kernels/cpu/team.hpp"

namespace limen::kernels {

// The widest use: 4 bytes an element and token, a scale a token.
std::size_t Workspace::needed(std::size_t cols, std::size_t tokens) {
  return 4 * (padded(cols) * tokens + tokens + 64);
}

Workspace::Workspace(std::size_t max_cols, std::size_t max_tokens)
    : buffer_(needed(max_cols, max_tokens)) {}

void gemm_shard(const Shape& shape, const Shard& shard, const void* x, std::size_t tokens, void* y,
                const Workspace& workspace) {
  (shape.quantized() ? gemm_shard_quantized : gemm_shard_float)(shape, shard, x, tokens, y,
                                                                workspace);
}

void gemm(Team& team, const Shape& shape, std::span<const Shard> shards, const void* x,
          std::size_t tokens, void* y, std::span<const Workspace> workspaces, ShardKernel* kernel) {
  team.run(static_cast<int>(shards.size()), [&](int member) {
    const auto m = static_cast<std::size_t>(member);
    kernel(shape, shards[m], x, tokens, y, workspaces[m]);
  });
}

std::string simd_target() {
  const auto targets = hwy::SupportedAndGeneratedTargets();
  return targets.empty() ? "scalar" : hwy::TargetName(targets.front());
}

}  // namespace limen::kernels
