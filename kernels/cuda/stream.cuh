// Streaming through device memory in 16-byte accesses.
//
// Claims, for arrays of n accesses: read reads 16n bytes, adds them up as 64-bit integers and adds
// the total to *sum, so that no word can be left out unnoticed. write writes 16n bytes. copy reads
// and writes 16n. triad, a = b + s * c in fp32: reads 32n, writes 16n, 8n flops.
//
// A block walks tiles of Unroll * threads accesses in strides of the grid; the loads of a tile are
// all issued before the first is used.
#pragma once

#include "kernels/cuda/block_sum.cuh"
#include "kernels/cuda/seam.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

inline constexpr unsigned stream_threads = 256;

// tile(first) for whole tiles, then one(index) for what is left of the last one.
template <unsigned Unroll, class Tile, class One>
LIMEN_DEVICE void for_each_tile(size_t n, Tile&& tile, One&& one) {
  const size_t stride = size_t{grid_x()} * stream_threads * Unroll;
  size_t i = size_t{block_x()} * stream_threads * Unroll + thread_x();
  for (; i + (Unroll - 1) * stream_threads < n; i += stride) tile(i);
  LIMEN_UNROLL
  for (unsigned u = 0; u < Unroll; ++u, i += stream_threads)
    if (i < n) one(i);
}

LIMEN_DEVICE uint64_t sum_of(const Words& v) {
  return (uint64_t{v.w[1]} << 32 | v.w[0]) + (uint64_t{v.w[3]} << 32 | v.w[2]);
}

template <unsigned Unroll>
LIMEN_KERNEL(stream_threads)
stream_read(const Words* from, size_t n, uint64_t* sum) {
  uint64_t mine[1] = {0};
  for_each_tile<Unroll>(
      n,
      [&](size_t first) {
        Words v[Unroll];
        LIMEN_UNROLL
        for (unsigned u = 0; u < Unroll; ++u)
          v[u] = load_streaming(from + first + u * stream_threads);
        LIMEN_UNROLL
        for (unsigned u = 0; u < Unroll; ++u) mine[0] += sum_of(v[u]);
      },
      [&](size_t i) { mine[0] += sum_of(load_streaming(from + i)); });
  block_sum<stream_threads>(mine);
  if (thread_x() == 0) add(sum, mine[0]);
}

// What is written at index i: `value` where two thirds of the words do not depend on i, so that the
// arithmetic is nothing.
LIMEN_DEVICE Words written(uint32_t value, size_t i) {
  return {{value, value ^ static_cast<uint32_t>(i), ~value, value}};
}

template <unsigned Unroll>
LIMEN_KERNEL(stream_threads)
stream_write(Words* to, size_t n, uint32_t value) {
  for_each_tile<Unroll>(
      n,
      [&](size_t first) {
        LIMEN_UNROLL
        for (unsigned u = 0; u < Unroll; ++u) {
          const size_t i = first + u * stream_threads;
          store_streaming(to + i, written(value, i));
        }
      },
      [&](size_t i) { store_streaming(to + i, written(value, i)); });
}

template <unsigned Unroll>
LIMEN_KERNEL(stream_threads)
stream_copy(Words* to, const Words* from, size_t n) {
  for_each_tile<Unroll>(
      n,
      [&](size_t first) {
        Words v[Unroll];
        LIMEN_UNROLL
        for (unsigned u = 0; u < Unroll; ++u)
          v[u] = load_streaming(from + first + u * stream_threads);
        LIMEN_UNROLL
        for (unsigned u = 0; u < Unroll; ++u)
          store_streaming(to + first + u * stream_threads, v[u]);
      },
      [&](size_t i) { store_streaming(to + i, load_streaming(from + i)); });
}

LIMEN_DEVICE Words triad(const Words& b, const Words& c, float s) {
  Words a;
  LIMEN_UNROLL
  for (unsigned k = 0; k < 4; ++k) a.w[k] = as_bits(fma(s, as_float(c.w[k]), as_float(b.w[k])));
  return a;
}

template <unsigned Unroll>
LIMEN_KERNEL(stream_threads)
stream_triad(Words* a, const Words* b, const Words* c, float s, size_t n) {
  for_each_tile<Unroll>(
      n,
      [&](size_t first) {
        Words vb[Unroll], vc[Unroll];
        LIMEN_UNROLL
        for (unsigned u = 0; u < Unroll; ++u) {
          vb[u] = load_streaming(b + first + u * stream_threads);
          vc[u] = load_streaming(c + first + u * stream_threads);
        }
        LIMEN_UNROLL
        for (unsigned u = 0; u < Unroll; ++u)
          store_streaming(a + first + u * stream_threads, triad(vb[u], vc[u], s));
      },
      [&](size_t i) {
        store_streaming(a + i, triad(load_streaming(b + i), load_streaming(c + i), s));
      });
}

// Latency: one thread follows `hops` links from *at on and leaves where it came to. A link is the
// index of the next 32-bit word; they lie `line` bytes apart, in one cycle through all of them.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
chase(const uint32_t* links, uint64_t hops, uint32_t* at) {
  if (block_x() != 0 || thread_x() != 0) return;
  uint32_t here = *at;
  for (uint64_t i = 0; i < hops; ++i) here = load_link(links + here);
  *at = here;
}

// Nothing: what a launch costs.
template <unsigned Threads>
LIMEN_KERNEL(Threads)
nothing(uint32_t* launches) {
  if (block_x() == 0 && thread_x() == 0) ++*launches;
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
