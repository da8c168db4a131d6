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
    Kernel<const float*, const void*, const void*, float*, unsigned, unsigned, float>;
using AllReduceKernel = Kernel<Ranks, const U32*, U32*, std::size_t, U32*, U32, U32, Status*>;

// Query heads a KV head that attention is compiled for.
inline constexpr unsigned attention_groups[] = {1, 4, 8};

struct KernelTable {
  Kernel<const Words*, std::size_t, U64*> read;
  Kernel<Words*, std::size_t, U32> write;
  Kernel<Words*, const Words*, std::size_t> copy;
  Kernel<Words*, const Words*, const Words*, float, std::size_t> triad;
  Kernel<const U32*, U64, U32*> chase;
  Kernel<U32*> nothing;
  GemvKernel gemv_one_row[6], gemv_four_rows[6];        // by Format
  AttentionKernel attention_bf16[3], attention_fp8[3];  // by attention_groups
  Kernel<const float*, float*, unsigned> attention_join;
  Kernel<const Words*, const Words*, Words*, unsigned, float> rms_norm;
  Kernel<const Words*, const Words*, Words*, std::size_t> swiglu;
  Kernel<U32*, U32, U32*, U32, Status*> grid_barrier;
  Kernel<unsigned, const U32*, U32*, U32, U32, U32, Status*> pingpong;
  Kernel<U32*, U32, U32, U32, Status*> pingpong_blocks;
  AllReduceKernel one_shot, two_shot;
};

const KernelTable& device_kernels();
const KernelTable& host_kernels();

}  // namespace limen::gpu
