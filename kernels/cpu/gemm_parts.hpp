// Between the files of the GEMM kernel only: the two families of formats, and the scratch memory
// they share.
#pragma once

#include "kernels/cpu/gemm.hpp"

namespace limen::kernels {

ShardKernel gemm_shard_float, gemm_shard_quantized;

// Elements of one token's rearranged x: whole groups, so that no tail is left.
constexpr std::size_t padded(std::size_t cols) { return (cols + group - 1) / group * group; }

}  // namespace limen::kernels
