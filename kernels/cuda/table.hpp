// All kernels by name, one table a side: device_kernels() made by nvcc, host_kernels() made by the
// host's compiler for tests.
#pragma once

#include <span>
#include <vector>

#include "kernels/cuda/backend.hpp"
#include "kernels/cuda/words.hpp"

namespace limen::gpu {

using U32 = std::uint32_t;
using U64 = std::uint64_t;

using GemvKernel =
    Kernel<const Words*, const std::uint16_t*, const Words*, float*, unsigned, unsigned>;
using AttentionKernel =
    Kernel<const float*, const void*, const void*, float*, unsigned, unsigned, unsigned, float>;
using AllReduceKernel = Kernel<Ranks, const U32*, U32*, std::size_t, U32*, U32, U32, Status*>;

// Query heads of a block that attention is compiled for, tokens of a warp that gemm is, and
// dimensions of a head; tokens of a block on tensor cores. Of latent attention: heads of a block,
// and elements of a row, of an index key, and tokens of an index.
inline constexpr unsigned attention_groups[] = {1, 4, 8}, gemm_tokens[] = {1, 2, 4, 8},
                          head_dims[] = {64, 128}, tensor_tokens[] = {8, 16, 32, 64};
inline constexpr unsigned latent_groups[] = {8, 16}, latent_rank = 512, latent_rope = 64,
                          index_dim = 128, most_indexed = 1 << 20;

struct KernelTable {
  Kernel<const Words*, std::size_t, U64*> read;
  Kernel<Words*, std::size_t, U32> write;
  Kernel<Words*, const Words*, std::size_t> copy;
  Kernel<Words*, const Words*, const Words*, float, std::size_t> triad;
  Kernel<const U32*, U64, U32*> chase;
  Kernel<U32*> nothing;
  Kernel<float, float, unsigned, float*> multiply_add;
  GemvKernel gemv_one_row[6], gemv_four_rows[6];              // by Format
  AttentionKernel attention_bf16[2][3], attention_fp8[2][3];  // by head_dims, attention_groups
  Kernel<const float*, float*, unsigned> attention_join[2];
  Kernel<const Words*, const Words*, Words*, unsigned, float> rms_norm;
  Kernel<const Words*, const Words*, Words*, std::size_t> swiglu;
  Kernel<U32*, U32, U32*, U32, Status*> grid_barrier;
  Kernel<unsigned, const U32*, U32*, U32, U32, U32, Status*> pingpong;
  Kernel<U32*, U32, U32, U32, Status*> pingpong_blocks;
  AllReduceKernel one_shot, two_shot;

  // Of a decode step.
  Kernel<Gemm> gemm[6][4];  // by Format (bf16, int8, int4 are there), gemm_tokens
  Kernel<Gemm, Words*, U32*> tensor_gemm[6][4];  // likewise, tensor_tokens
  Kernel<const U32*, const Words*, const std::uint16_t*, float*, unsigned, unsigned, unsigned>
      embed[6];
  Kernel<const float*, std::uint16_t*, unsigned> attention_join_bf16[2];
  Kernel<float*, const float*, const Words*, Words*, unsigned, unsigned, unsigned, float> add_norm;
  Kernel<float*, const std::uint16_t*, const Words*, Words*, unsigned, unsigned, unsigned, float>
      add_norm_bf16;
  Kernel<const float*, const U64*, float*, std::uint16_t*, std::uint16_t*, Heads> rotate_append;
  Kernel<const float*, const U64*, const Words*, const Words*, std::uint16_t*, std::uint16_t*,
         std::uint16_t*, LatentToken>
      append_latent;
  Kernel<const float*, const U64*, std::uint16_t*, float*, unsigned, unsigned, unsigned, unsigned,
         unsigned>
      split_queries;
  Kernel<const float*, const float*, const Words*, const U32*, float*, LatentHeads>
      latent_attention[2];  // by latent_groups
  Kernel<const float*, std::uint16_t*, unsigned> latent_join;
  Kernel<const float*, std::uint16_t*, unsigned, unsigned, unsigned, unsigned> join_heads;
  Kernel<const float*, const U64*, std::uint16_t*, unsigned, unsigned, unsigned> rotate_index;
  Kernel<const Words*, const Words*, const float*, float*, unsigned, unsigned, unsigned>
      index_scores;
  Kernel<const float*, U32*, unsigned, unsigned> index_select;
  Kernel<const float*, Words*, unsigned, unsigned> gate_rows;
  Kernel<const float*, Words*, unsigned> round_message;
  Kernel<Words*, std::size_t, U32, U32, U32> randomize;
  Kernel<const float*, U32*, float*, unsigned, unsigned, unsigned> choose_experts;
  Kernel<const U32*, U32*, U32*, U32*, U32*, unsigned, unsigned, unsigned> order_pairs;
  Kernel<const float*, const U32*, const float*, float*, unsigned, unsigned, unsigned> combine;
  Kernel<const float*, U64*, unsigned, unsigned> largest_logit;
  Kernel<const U64*, unsigned, U32*, U32*> sample;
  Kernel<const U32*, unsigned, unsigned, U32*> sample_of_ranks;
};

const KernelTable& device_kernels();
const KernelTable& host_kernels();

}  // namespace limen::gpu
