// Y = A X: the matrix products of a decode step. X has `tokens` columns; one column makes it a
// GEMV.
//
// Claim: gemm_work() of matrix.hpp. X is [token][col], Y is [token][row], in fp32 (fp64 for fp64
// weights).
//
// How: four rows at a time, one from each band, so that the hardware prefetchers follow four
// endless streams of weights; up to four columns at a time in registers, so that a weight that was
// loaded and widened is used several times.
//
// fp32, fp64: multiply-adds.
//
// bf16: x is rounded to bf16, as tensor cores want it; both are widened to fp32 by shift and mask
// and added in fp32. An x in fp32 would take twice the traffic between the first two caches, which
// costs a tenth of the bandwidth.
//
// int8, int4: x is rounded to 16-bit integers with one power of two a column; 16-bit products are
// added in 32 bits within a group of 128, then converted, scaled and added in fp32.
//
// Rounding x belongs to the call and every thread does it for itself: O(cols * tokens), and no
// barrier.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "kernels/cpu/buffer.hpp"
#include "kernels/cpu/matrix.hpp"

namespace limen::kernels {

class Team;

// A thread's scratch memory for the rounded x; enough for any format.
class Workspace {
 public:
  Workspace() = default;
  Workspace(std::size_t max_cols, std::size_t max_tokens);
  std::byte* data() const { return buffer_.data(); }
  static std::size_t needed(std::size_t cols, std::size_t tokens);

 private:
  Buffer buffer_;
};

// One thread's part. Writes the rows of the shard for every token.
using ShardKernel = void(const Shape& shape, const Shard& shard, const void* x, std::size_t tokens,
                         void* y, const Workspace& workspace);
ShardKernel gemm_shard;

// All parts, by the first shards.size() members of the team.
void gemm(Team& team, const Shape& shape, std::span<const Shard> shards, const void* x,
          std::size_t tokens, void* y, std::span<const Workspace> workspaces,
          ShardKernel* kernel = gemm_shard);

// Checks the kernel on small integers against decode(), exactly; empty, or what is wrong.
std::string verify_gemm(Team& team, int members, const Shape& shape, std::size_t tokens,
                        ShardKernel* kernel = gemm_shard);

// Rows of a result against decode() with fp64 sums, within the rounding that the format's
// arithmetic may have: for weights that are no small integers. `rows` are row numbers; rows of
// other shards are ignored.
std::string check_rows(const Shape& shape, const Shard& shard, const void* x, std::size_t tokens,
                       const void* y, std::span<const std::size_t> rows);

// The name of the SIMD target that the kernels use here.
std::string simd_target();

}  // namespace limen::kernels
