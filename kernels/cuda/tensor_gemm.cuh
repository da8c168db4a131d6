// Y = W X^T on tensor cores: what gemm.cuh computes, for up to 64 tokens with one reading of the
// weights.
//
// W, scales and the padding of rows are those of gemv.cuh, columns a multiple of 8; x is bf16, and
// int8 and int4 are exact in bf16. Claim: that of gemm.cuh.
//
// Rows of W are the rows of mma m16n8k16, tokens its columns. The warps of a block take 4 times 32
// rows and 2 times 128 columns (a group of scales): a unit is 128 rows of 256 columns. Every block
// takes the same number of consecutive units, whatever rows they are of: no multiprocessor waits
// for another. Where that parts the columns of some rows, each part is written, and the block that
// comes last adds them in the order of the columns: the sum is the same at every run.
#pragma once

#include "kernels/cuda/tensor_block.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

// `parts`: tensor_parts(blocks) accesses. `arrived`: a zero for each block, left so. At most
// tensor_most tokens, or slots of an expert.
template <Format F, unsigned Tokens>
LIMEN_KERNEL_OF(tensor_threads, Tokens <= 16 ? 2 : 1)
tensor_gemm(LIMEN_IN_PLACE Gemm a, Words* parts, uint32_t* arrived) {
  if constexpr (!has_tensor_cores) {
    trap();
  } else {
    using T = TensorBlock<F, Tokens>;
    LIMEN_SHARED(Words, stages, tensor_stages * T::stage_words);
    T t(a, stages);
    const unsigned per_job = (a.cols + tensor_cols - 1) / tensor_cols,
                   row_blocks = (a.rows + tensor_rows - 1) / tensor_rows;
    const unsigned all = (a.active != nullptr ? a.active[0] : 1) * row_blocks * per_job;  // units
    const unsigned blocks = all < grid_x() ? all : grid_x(), me = block_x();
    if (me >= blocks) return;
    // Of block b: units all * b / blocks up to the next one's.
    const auto block_of = [&](unsigned unit) { return ((unit + 1) * blocks - 1) / all; };
    const unsigned end_unit = all * (me + 1) / blocks;
    LIMEN_NO_UNROLL
    for (unsigned unit = all * me / blocks; unit < end_unit;) {
      const unsigned job = unit / per_job;  // rows of an expert
      const unsigned first_row = job % row_blocks * tensor_rows;
      size_t expert = 0;
      unsigned begin = 0, end = a.tokens;
      if (a.active != nullptr) {
        expert = a.active[1 + job / row_blocks];
        begin = a.first[expert];
        end = a.first[expert + 1];
      }
      const unsigned from = unit - job * per_job, left = end_unit - unit,
                     to = left < per_job - from ? from + left : per_job;
      const bool whole = from == 0 && to == per_job;
      // A block has at most two parts: the end of a job, and the beginning of one.
      constexpr unsigned of_part = tensor_most / Tokens * T::part_words;
      Words* part = parts + size_t{me * 2 + (from == 0 ? 1 : 0)} * of_part + thread_x();
      t.take_rows(expert, first_row);
      LIMEN_NO_UNROLL
      for (unsigned slot = begin; slot < end; slot += Tokens) {
        typename T::Sums both[2] = {}, sum;
        t.take_tokens(slot, end);
        t.sum_units(anew(from), to, both);
        t.add_halves(both, sum);
        if (whole) {
          t.write(sum, first_row, slot, end);
          continue;
        }
        LIMEN_UNROLL
        for (unsigned n = 0; n < T::tiles; ++n) part[n * tensor_threads] = T::to_words(sum[n]);
        part += T::part_words;
      }
      unit += to - from;
      if (whole) continue;
      const unsigned first = block_of(job * per_job), last = block_of((job + 1) * per_job - 1);
      barrier();
      if (!barrier_or(thread_x() == 0 && fetch_add_device(arrived + first, 1) == last - first))
        continue;
      if (thread_x() == 0) arrived[first] = 0;
      LIMEN_NO_UNROLL
      for (unsigned slot = begin; slot < end; slot += Tokens) {
        typename T::Sums sum = {};
        LIMEN_NO_UNROLL
        for (unsigned b = first; b <= last; ++b) {
          const Words* its = parts + size_t{b * 2 + (b == first ? 1 : 0)} * of_part +
                             (slot - begin) / Tokens * T::part_words + thread_x();
          LIMEN_UNROLL
          for (unsigned n = 0; n < T::tiles; ++n) T::add_words(its[n * tensor_threads], sum[n]);
        }
        t.write(sum, first_row, slot, end);
      }
    }
  }
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
