// Latent attention of a decode step (MLA), absorbed: a token leaves one row of Rank + Rope elements
// in the cache, in bf16, which all heads share, and whose first Rank elements are the value too.
//
// How: what the heads' own matrices take and leave is [head][sequence][...], so that these products
// are those of experts, one a head. append_latent writes the new token's row; split_queries parts
// what goes into the latent space from what is rotated; latent_attention attends; join_heads brings
// the values of a sequence's heads together.
//
// Claim of latent_attention: the rows that are seen are read once, 2 (2 Rank + Rope) flops for each
// of them and each head. A block takes a share of the rows of a sequence, tile by tile through
// shared memory, for up to Heads heads. Of the scores, a warp has Heads / 8 heads, their queries in
// registers: its lanes walk the elements, and the scores of a tile come out as one a lane. Of the
// values, a thread has two elements for all heads. What a block leaves is as in attention.cuh, and
// attention_join adds up the shares.
#pragma once

#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/decode.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

LIMEN_DEVICE uint16_t rounded_bf16(float v) { return static_cast<uint16_t>(to_bf16(v)); }

// Element i of n elements of which the first `rope` are rotated, in pairs half of them apart.
LIMEN_DEVICE float rotated_element(const float* from, unsigned i, unsigned rope,
                                   const uint64_t* turns, unsigned position) {
  if (i >= rope) return from[i];
  const unsigned half = rope / 2;
  float a = from[i % half], b = from[i % half + half];
  rotate(a, b, turns[i % half], position);
  return i < half ? a : b;
}

// Three blocks a sequence: the row, normalized and in its last part rotated, to the last slot of
// the cache; the index key, rotated in its first part, to that of the index; the latent query,
// normalized, as products take it. What a model has not is left out.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
append_latent(const float* down, const uint64_t* turns, const Words* query_gain,
              const Words* row_gain, uint16_t* query, uint16_t* rows, uint16_t* index,
              LIMEN_IN_PLACE LatentToken a) {
  LIMEN_SHARED(float, factor, 1);
  const float* token = down + size_t{block_y()} * a.projected;
  const size_t slot = (size_t{block_y()} + 1) * a.kept - 1;
  const unsigned row_at = a.query_rank, index_at = row_at + a.rank + a.rope;
  if (block_x() == 1) {
    for (unsigned i = thread_x(); i < a.index_dim; i += Threads)
      index[slot * a.index_dim + i] =
          rounded_bf16(rotated_element(token + index_at, i, a.rope, turns, a.position));
    return;
  }
  const bool is_row = block_x() == 0;
  const unsigned n = is_row ? a.rank : a.query_rank;
  const float* from = token + (is_row ? row_at : 0);
  const Words* gain = is_row ? row_gain : query_gain;
  uint16_t* to =
      is_row ? rows + slot * (a.rank + a.rope) : query + size_t{block_y()} * a.query_words * 8;
  float squares[1] = {0};
  for (unsigned i = thread_x(); i < n; i += Threads) squares[0] = fma(from[i], from[i], squares[0]);
  block_sum<Threads>(squares);
  if (thread_x() == 0) factor[0] = rsqrt_fast(squares[0] / static_cast<float>(n) + a.epsilon);
  barrier();
  for (unsigned i = thread_x(); i < n; i += Threads)
    to[i] = rounded_bf16(from[i] * factor[0] * bf16_of(gain[i / 8], i % 8));
  if (!is_row) return;
  for (unsigned i = thread_x(); i < a.rope; i += Threads)
    to[n + i] = rounded_bf16(rotated_element(from + n, i, a.rope, turns, a.position));
}

// A block a head (x) of a sequence (y) of queries, [sequence][head][nope, rope]: the first part to
// x of the products, [head][sequence][x_words], the second, rotated, to [head][sequence][rope].
template <unsigned Threads>
LIMEN_KERNEL(Threads)
split_queries(const float* queries, const uint64_t* turns, uint16_t* x, float* rotated,
              unsigned nope, unsigned rope, unsigned x_words, unsigned sequences,
              unsigned position) {
  const size_t slot = size_t{block_x()} * sequences + block_y();
  const float* from = queries + (size_t{block_y()} * grid_x() + block_x()) * (nope + rope);
  for (unsigned i = thread_x(); i < nope; i += Threads)
    x[slot * x_words * 8 + i] = rounded_bf16(from[i]);
  for (unsigned i = thread_x(); i < rope; i += Threads)
    rotated[slot * rope + i] = rotated_element(from + nope, i, rope, turns, position);
}

// Values of the heads, [head][sequence][dim], to rows of x, a sequence each (y).
template <unsigned Threads>
LIMEN_KERNEL(Threads)
join_heads(const float* values, uint16_t* x, unsigned dim, unsigned heads, unsigned sequences,
           unsigned x_words) {
  const unsigned c = block_x() * Threads + thread_x();
  if (c >= heads * dim) return;
  x[size_t{block_y()} * x_words * 8 + c] =
      rounded_bf16(values[(size_t{c / dim} * sequences + block_y()) * dim + c % dim]);
}

// absorbed: [head][sequence][Rank], rotated: [head][sequence][Rope]; rows: [sequence][kept][Rank +
// Rope]; selected: null, or the places of the rows seen, [sequence][seen]. Blocks of x: a share of
// the rows for some heads, then for the next ones.
template <unsigned Heads, unsigned Rank, unsigned Rope>
LIMEN_KERNEL_TWICE(Rank / 2)
latent_attention(const float* absorbed, const float* rotated, const Words* rows,
                 const uint32_t* selected, float* partial, LIMEN_IN_PLACE LatentHeads a) {
  constexpr unsigned warps = Rank / 2 / warp, of_warp = Heads / warps, tile = warp / of_warp;
  constexpr unsigned pairs = (Rank + Rope) / 2, of_lane = pairs / warp, row_words = pairs / 4;
  constexpr unsigned loads = (row_words + warp - 1) / warp;  // of a lane for a row
  static_assert(Heads % 8 == 0 && pairs % warp == 0 && Rank % (2 * warp) == 0);
  LIMEN_SHARED(Words, tile_words, tile * row_words);
  LIMEN_SHARED(Words, weight_words, tile * Heads / 4);
  LIMEN_SHARED(Words, rescale_words, Heads / 4);
  const auto* tile_pairs = reinterpret_cast<const uint32_t*>(tile_words);
  auto* weights = reinterpret_cast<float*>(weight_words);  // [row of the tile][head]
  auto* rescale = reinterpret_cast<float*>(rescale_words);
  const unsigned t = thread_x(), lane = t % warp, sequence = block_y();
  const unsigned groups = (a.heads + Heads - 1) / Heads;
  const unsigned first_head = block_x() % groups * Heads, share = block_x() / groups;
  const unsigned its_head = t / warp * of_warp + lane / tile, its_row = lane % tile;

  constexpr float log2e = 1.44269504f;  // scores are kept in powers of two
  float q[of_warp][2 * of_lane];
  LIMEN_UNROLL
  for (unsigned h = 0; h < of_warp; ++h) {
    const unsigned head = first_head + t / warp * of_warp + h;  // beyond the last: it, not written
    const size_t slot = size_t{head < a.heads ? head : a.heads - 1} * a.sequences + sequence;
    LIMEN_UNROLL
    for (unsigned j = 0; j < 2 * of_lane; ++j) {
      const unsigned e = 2 * (lane + j / 2 * warp) + j % 2;
      q[h][j] = (j / 2 * 2 * warp < Rank ? absorbed[slot * Rank + e]
                                         : rotated[slot * Rope + (e - Rank)]) *
                (a.scale * log2e);
    }
  }

  const unsigned tiles = (a.seen + tile - 1) / tile;
  const unsigned from = static_cast<unsigned>(uint64_t{tiles} * share / a.shares),
                 to = static_cast<unsigned>(uint64_t{tiles} * (share + 1) / a.shares);
  Words next[tile / warps][loads] = {};
  const auto load = [&](unsigned at) {
    LIMEN_UNROLL
    for (unsigned r = 0; r < tile / warps; ++r) {
      unsigned row = at * tile + r * warps + t / warp;
      row = row < a.seen ? row : a.seen - 1;
      if (selected != nullptr) row = selected[size_t{sequence} * a.seen + row];
      const Words* at_lane = rows + (size_t{sequence} * a.kept + row) * row_words + lane;
      LIMEN_UNROLL
      for (unsigned l = 0; l < loads; ++l)
        if (lane + l * warp < row_words) next[r][l] = load_streaming(at_lane + l * warp);
    }
  };
  float most = -1e30f, total = 0, sum[Heads][2] = {};
  load(from);
  LIMEN_NO_UNROLL
  for (unsigned at = from; at < to; ++at) {
    LIMEN_UNROLL
    for (unsigned r = 0; r < tile / warps; ++r) {
      LIMEN_UNROLL
      for (unsigned l = 0; l < loads; ++l)
        if (lane + l * warp < row_words)
          tile_words[(r * warps + t / warp) * row_words + lane + l * warp] = next[r][l];
    }
    barrier();
    float scores[warp] = {};  // [head of the warp][row]
    LIMEN_UNROLL
    for (unsigned p = 0; p < tile; ++p) {
      LIMEN_UNROLL
      for (unsigned j = 0; j < of_lane; ++j) {
        const uint32_t two = tile_pairs[p * pairs + lane + j * warp];
        LIMEN_UNROLL
        for (unsigned h = 0; h < of_warp; ++h) {
          float& s = scores[h * tile + p];
          s = fma(q[h][2 * j], from_bf16(two & 0xffffu), s);
          s = fma(q[h][2 * j + 1], as_float(two & 0xffff0000u), s);
        }
      }
    }
    float score = warp_sums<warp>(scores);
    if (at * tile + its_row >= a.seen) score = -1e30f;
    float largest = score > most ? score : most;
    for (unsigned mask = tile / 2; mask > 0; mask /= 2) {
      const float other = shuffle_xor(largest, mask);
      largest = other > largest ? other : largest;
    }
    const float e = exp2_fast(score - largest), shrink = exp2_fast(most - largest);
    float added = e;
    for (unsigned mask = tile / 2; mask > 0; mask /= 2) added += shuffle_xor(added, mask);
    total = fma(total, shrink, added);
    most = largest;
    weights[its_row * Heads + its_head] = e;
    if (its_row == 0) rescale[its_head] = shrink;
    barrier();
    if (at + 1 < to) load(at + 1);  // on its way while this one is used
    LIMEN_UNROLL
    for (unsigned h = 0; h < Heads; h += 8) {
      float factor[8];
      load_floats(rescale + h, factor);
      LIMEN_UNROLL
      for (unsigned k = 0; k < 8; ++k) {
        sum[h + k][0] *= factor[k];
        sum[h + k][1] *= factor[k];
      }
    }
    LIMEN_UNROLL
    for (unsigned p = 0; p < tile; ++p) {
      const uint32_t two = tile_pairs[p * pairs + t];
      const float v0 = from_bf16(two & 0xffffu), v1 = as_float(two & 0xffff0000u);
      LIMEN_UNROLL
      for (unsigned h = 0; h < Heads; h += 8) {
        float weight_of[8];
        load_floats(weights + p * Heads + h, weight_of);
        LIMEN_UNROLL
        for (unsigned k = 0; k < 8; ++k) {
          sum[h + k][0] = fma(weight_of[k], v0, sum[h + k][0]);
          sum[h + k][1] = fma(weight_of[k], v1, sum[h + k][1]);
        }
      }
    }
    barrier();  // the next tile takes the place of this one
  }
  const auto partial_of = [&](unsigned head) {
    return partial + ((size_t{first_head + head} * a.sequences + sequence) * a.shares + share) *
                         partial_floats<Rank>;
  };
  LIMEN_UNROLL
  for (unsigned h = 0; h < Heads; ++h) {
    if (first_head + h >= a.heads) continue;
    partial_of(h)[2 + 2 * t] = sum[h][0];
    partial_of(h)[3 + 2 * t] = sum[h][1];
  }
  if (its_row == 0 && first_head + its_head < a.heads) {
    partial_of(its_head)[0] = most;
    partial_of(its_head)[1] = total;
  }
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
