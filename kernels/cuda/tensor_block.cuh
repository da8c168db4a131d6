// What a block of tensor_gemm.cuh does for 128 rows and some tokens: the sums over some units of
// 256 columns.
//
// Weights come from memory straight into registers, 16 bytes a lane, the next ones as soon as these
// are used; x comes through shared memory, two steps ahead. A lane's 16 bytes are consecutive
// columns, so the columns of a step are not in mma's order; those of x are put into the same one.
#pragma once

#include "kernels/cuda/tensor_seam.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

// Two integers, `at` and `at` + 1 of the word, as bf16: 128 + n has the digits of n at its end.
template <Format F>
LIMEN_DEVICE uint32_t widen_two(uint32_t word, unsigned at) {
  if constexpr (F == Format::int8) {
    const uint32_t two = permute_bytes(word, 0, at == 0 ? 0x4140u : 0x4342u);
    return add_bf16(0x43004300u | (two & 0x007f007fu), 0xc300c300u | (two & 0x00800080u));
  } else {
    const uint32_t two = permute_bytes(word, word >> 4, 0x4400u + 0x1111u * (at / 2));
    return add_bf16(0x43004300u | (two & 0x000f000fu), 0xc308c308u);
  }
}

// The part of a product that a block of tensor_threads has: its place in the matrix and its sums.
template <Format F, unsigned Tokens>
struct TensorBlock {
  static constexpr unsigned none = ~0u, per = per_words(F), loads = tensor_cols / 2 / (4 * per),
                            units = F == Format::int4 && Tokens < 64
                                        ? 2
                                        : 1,  // whose weights are on the way
      tiles = Tokens / 8, stage_words = 16 * Tokens, part_words = 32 * Tokens,
                            copies = (stage_words + tensor_threads - 1) / tensor_threads,
                            tokens = copies > 2 ? copies / 2 : 1;  // that a thread copies of
  using Sums = float[tiles][4];                                    // of 16 rows, of 8 tokens each

  const Gemm& a;
  Words* stage;  // tensor_stages of [half][token][8 accesses]
  const unsigned lane, in_tile, in_row, half, warp_row, stride, groups;
  const Words* rows;  // of the expert
  const uint16_t* row_scales;
  unsigned row[4], from[tokens];  // accesses of x; or none
  unsigned place, to_place;       // of the copies: access of x in a unit, and of a stage
  Words v[units][loads][4];
  uint16_t scales[units][4];

  LIMEN_DEVICE TensorBlock(const Gemm& gemm, Words* stages)
      : a(gemm),
        stage(stages),
        lane(thread_x() % warp),
        in_tile(lane / 4),
        in_row(lane % 4),
        half(thread_x() / (tensor_threads / 2)),
        warp_row(thread_x() % (tensor_threads / 2) / warp * 32),
        stride((a.cols + per - 1) / per),
        groups((a.cols + group - 1) / group) {
    const unsigned use = thread_x() % 8, round = use / 4, of_lane = use % 4;
    place =
        thread_x() / 8 / Tokens * (tensor_cols / 16) + (F == Format::bf16   ? use
                                                        : F == Format::int8 ? 2 * of_lane + round
                                                                            : 4 * of_lane + round);
    to_place = thread_x() ^ thread_x() / 8 % 2 * 4;
  }

  LIMEN_DEVICE void take_rows(size_t expert, unsigned first_row) {
    rows = a.weights + expert * a.rows * stride;
    row_scales = a.scales + (grouped(F) ? expert * a.rows * groups : 0);
    LIMEN_UNROLL
    for (unsigned r = 0; r < 4; ++r) {  // beyond the last row: the last again, not written
      const unsigned mine = first_row + warp_row + 8 * r + in_tile;
      row[r] = mine < a.rows ? mine : a.rows - 1;
    }
  }
  LIMEN_DEVICE void take_tokens(unsigned begin, unsigned end) {
    LIMEN_UNROLL
    for (unsigned i = 0; i < tokens; ++i) {
      const unsigned slot = begin + (thread_x() + i * tensor_threads) / 8 % Tokens;
      from[i] = none;
      if (slot < end) from[i] = (a.source != nullptr ? a.source[slot] : slot) * a.x_words;
    }
  }
  // Words of load i of these rows; zeros behind their ends.
  LIMEN_DEVICE void load_weights(unsigned of, unsigned unit, unsigned i) {
    const unsigned at = ((unit * 2 + half) * loads + i) * 4 + in_row;
    LIMEN_UNROLL
    for (unsigned r = 0; r < 4; ++r) {
      v[of][i][r] = {};
      if (at < stride) v[of][i][r] = load_streaming(rows + (row[r] * stride + at));
    }
  }
  LIMEN_DEVICE void load_scales(unsigned of, unsigned unit) {
    if (!grouped(F)) return;
    const unsigned at = unit * 2 + half;
    LIMEN_UNROLL
    for (unsigned r = 0; r < 4; ++r) {
      scales[of][r] = 0;
      if (at < groups) scales[of][r] = load_scale(row_scales + (row[r] * groups + at));
    }
  }
  // Sends for the x of step q of a unit: of each half, 64 columns, in the order of their use. A
  // thread copies the same place of a row each time.
  LIMEN_DEVICE void copy_x(unsigned unit, unsigned q, unsigned to) {
    LIMEN_UNROLL
    for (unsigned i = 0; i < copies; ++i) {
      if (stage_words < tensor_threads && thread_x() >= stage_words) continue;
      const unsigned at = unit * (tensor_cols / 8) + place + i / tokens * (tensor_cols / 16) +
                          q * (F == Format::int4 ? 2 : 8);
      const bool there = from[i % tokens] != none && at < a.cols / 8;
      copy_async(stage + to * stage_words + to_place + i * tensor_threads,
                 a.x + (there ? from[i % tokens] + at : 0), there);
    }
  }
  // Adds the products of step q of a unit; those of 32 columns of a group are scaled as a sum.
  LIMEN_DEVICE void multiply(unsigned of, unsigned q, unsigned at, Sums (&sum)[2]) const {
    const Words* x = stage + at * stage_words + (half * Tokens + in_tile) * 8;
    float scale[4];
    LIMEN_UNROLL
    for (unsigned r = 0; r < 4; ++r) scale[r] = grouped(F) ? from_half(scales[of][r]) : 1;
    LIMEN_NO_UNROLL  // else more is held in registers than there are
        for (unsigned i = 0; i < 2; ++i) {
      const auto either = [&](uint32_t now, uint32_t next) { return i == 0 ? now : next; };
      uint32_t w[4][4];
      LIMEN_UNROLL
      for (unsigned r = 0; r < 4; ++r) {
        LIMEN_UNROLL
        for (unsigned k = 0; k < 4; ++k) {
          if constexpr (F == Format::bf16) {
            w[r][k] = either(v[of][2 * q][r].w[k], v[of][2 * q + 1][r].w[k]);
          } else if constexpr (F == Format::int8) {
            w[r][k] =
                widen_two<F>(either(v[of][q][r].w[k / 2], v[of][q][r].w[2 + k / 2]), k % 2 * 2);
          } else {
            w[r][k] = widen_two<F>(either(v[of][0][r].w[2 * q], v[of][0][r].w[2 * q + 1]), 2 * k);
          }
        }
      }
      LIMEN_UNROLL
      for (unsigned n = 0; n < tiles; ++n) {
        const Words xs = x[n * 64 + ((4 * i + in_row) ^ in_tile % 2 * 4)];
        LIMEN_UNROLL
        for (unsigned m = 0; m < 2; ++m) {
          float part[4] = {};
          LIMEN_UNROLL
          for (unsigned k = 0; k < 4; k += 2)
            mma_bf16(grouped(F) ? part : sum[m][n], w[2 * m][k], w[2 * m + 1][k], w[2 * m][k + 1],
                     w[2 * m + 1][k + 1], xs.w[k], xs.w[k + 1]);
          LIMEN_UNROLL
          for (unsigned k = 0; k < 4; ++k)
            if (grouped(F)) fma_now(scale[2 * m + k / 2], part[k], sum[m][n][k]);
        }
      }
    }
  }

  // The sums over units begin .. end - 1, of each half.
  LIMEN_DEVICE void sum_units(unsigned begin, unsigned end, Sums (&sum)[2]) {
    unsigned sent = 2 * begin, to = 0, at = 0;  // steps of x; stages
    const auto send_x = [&] {
      if (sent < 2 * end) copy_x(sent / 2, sent % 2, to);
      copies_sent();
      ++sent;
      to = to + 1 < tensor_stages ? to + 1 : 0;
    };
    const auto load = [&](unsigned of, unsigned unit, unsigned i) {
      if (unit < end) load_weights(of, unit, i);
    };
    LIMEN_UNROLL
    for (unsigned of = 0; of < units; ++of) {
      if (begin + of < end) load_scales(of, begin + of);
      LIMEN_UNROLL
      for (unsigned i = 0; i < loads; ++i) load(of, begin + of, i);
    }
    LIMEN_UNROLL
    for (unsigned i = 0; i + 1 < tensor_stages; ++i) send_x();
    LIMEN_NO_UNROLL
    for (unsigned unit = begin; unit < end; unit += units) {
      LIMEN_UNROLL
      for (unsigned of = 0; of < units; ++of) {
        if (unit + of >= end) break;
        const unsigned later = unit + of + units;
        LIMEN_UNROLL
        for (unsigned q = 0; q < 2; ++q) {
          copies_wait<tensor_stages - 2>();
          barrier();
          send_x();
          multiply(of, q, at, sum);
          at = at + 1 < tensor_stages ? at + 1 : 0;
          LIMEN_UNROLL
          for (unsigned i = 0; i < loads; ++i)
            if (loads == 1 ? q == 1 : i * 2 / loads == q) load(of, later, i);
        }
        if (later < end) load_scales(of, later);
      }
    }
  }

  // Adds the sums of both halves, through the memory of the stages: each half takes 16 rows.
  LIMEN_DEVICE void add_halves(const Sums (&both)[2], Sums& sum) {
    barrier();
    LIMEN_UNROLL
    for (unsigned n = 0; n < tiles; ++n) {
      float given[4];
      LIMEN_UNROLL
      for (unsigned k = 0; k < 4; ++k) {
        const float first = both[0][n][k], second = both[1][n][k];
        given[k] = half == 0 ? second : first;
        sum[n][k] = half == 0 ? first : second;
      }
      stage[n * tensor_threads + thread_x()] = to_words(given);
    }
    barrier();
    LIMEN_UNROLL
    for (unsigned n = 0; n < tiles; ++n) {
      add_words(stage[n * tensor_threads + (thread_x() ^ tensor_threads / 2)], sum[n]);
    }
    barrier();
  }
  static LIMEN_DEVICE Words to_words(const float (&s)[4]) {
    return {as_bits(s[0]), as_bits(s[1]), as_bits(s[2]), as_bits(s[3])};
  }
  static LIMEN_DEVICE void add_words(const Words& v, float (&s)[4]) {
    LIMEN_UNROLL
    for (unsigned k = 0; k < 4; ++k) s[k] += as_float(v.w[k]);
  }
  LIMEN_DEVICE void write(const Sums& sum, unsigned first_row, unsigned slot, unsigned end) const {
    const unsigned all = anew(a.rows), to = first_row + warp_row + 16 * half + in_tile;
    unsigned of = slot + 2 * in_row;
    float* y = a.y + size_t{of} * all + to;
    LIMEN_UNROLL
    for (unsigned n = 0; n < tiles; ++n, of += 8, y += size_t{8} * all) {
      LIMEN_UNROLL
      for (unsigned k = 0; k < 2; ++k) {
        if (of + k >= end) return;
        if (to < all) y[k * all] = sum[n][k];
        if (to + 8 < all) y[k * all + 8] = sum[n][k + 2];
      }
    }
  }
};

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
