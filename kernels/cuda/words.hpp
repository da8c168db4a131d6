// Types that kernels and host code share: what a 16-byte access moves, the formats of weights.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace limen::gpu {

// One 16-byte access.
struct alignas(16) Words {
  std::uint32_t w[4];
};

// Formats of weights and of the KV cache. x of a product is fp32 for fp32, fp16 for fp16, and bf16
// for all others; y and all sums are fp32.
enum class Format { fp32, fp16, bf16, fp8, int8, int4 };
inline constexpr std::array<Format, 6> all_formats{Format::fp32, Format::fp16, Format::bf16,
                                                   Format::fp8,  Format::int8, Format::int4};
constexpr const char* name(Format f) {
  constexpr const char* names[] = {"fp32", "fp16", "bf16", "fp8", "int8", "int4"};
  return names[static_cast<int>(f)];
}

// Weights in one 16-byte access.
constexpr unsigned per_words(Format f) {
  return f == Format::fp32                        ? 4
         : f == Format::fp16 || f == Format::bf16 ? 8
         : f == Format::int4                      ? 32
                                                  : 16;
}
// int8 and int4: weights of a row that share one fp16 scale.
inline constexpr unsigned group = 128;
constexpr bool grouped(Format f) { return f == Format::int8 || f == Format::int4; }

// Y = W X^T for some rows of X at a time (gemm.cuh): x is [slot][x_words accesses] in bf16, y
// [slot][rows] in fp32. With experts, W is [expert][row][col], and each of the `active` ones takes
// slots of its own.
struct Gemm {
  const Words* weights = nullptr;
  const std::uint16_t* scales = nullptr;
  const Words* x = nullptr;
  float* y = nullptr;
  unsigned rows = 0, cols = 0, tokens = 0, x_words = 0;
  const std::uint32_t* active = nullptr;  // the number of active experts, then which; null: one
                                          // matrix for all tokens
  const std::uint32_t* first = nullptr;   // [expert + 1]: slots of an expert
  const std::uint32_t* source = nullptr;  // null, or the row of x that a slot takes
};
// Of products on tensor cores (tensor_gemm.cuh): threads of a block; rows and columns of a unit;
// stages of x; tokens at most; what blocks leave for one another, in accesses.
inline constexpr unsigned tensor_threads = 256, tensor_rows = 128, tensor_cols = 256,
                          tensor_stages = 3, tensor_most = 64;
constexpr std::size_t tensor_parts(unsigned blocks) {
  return std::size_t{2} * blocks * tensor_rows * tensor_most / 4;
}
// Multiply-adds in a row of a chain, chains of a thread, and threads of a block, of what measures
// them.
inline constexpr unsigned fma_steps = 16, fma_chains = 8, fma_threads = 256;

// Heads of a layer, tokens that attention sees, and the place of the new one in the context.
struct Heads {
  unsigned query, kv, dim, seen, position;
};
// What the first projection leaves of a token of latent attention, [latent query, latent row, index
// key, index weights], and the place of the new token: among those kept, and in the context.
struct LatentToken {
  unsigned projected, query_rank, rank, rope, index_dim;
  unsigned query_words;  // accesses of a row of latent queries
  unsigned kept, position;
  float epsilon;
};
// Heads of latent attention and the rows of a sequence that they see, in shares.
struct LatentHeads {
  unsigned heads, sequences, kept, seen, shares;
  float scale;
};
inline constexpr unsigned index_tokens = 64;  // of a block that scores them for an index
// Of the routing of one layer.
inline constexpr unsigned most_pairs = 1024, most_experts = 1024, most_sequences = 64;

// What a bounded wait leaves behind when its time is up: 0, or 1 + the rank that did not answer.
using Status = std::uint32_t;

// What a rank of an all-reduce knows of the others. An inbox holds packets: 32 bits of data (two
// bf16) beside the 32 bits of the number of the call.
inline constexpr unsigned most_ranks = 8;
struct Ranks {
  unsigned rank, ranks;
  std::size_t capacity;              // pairs of bf16 that an inbox holds from one sender
  std::uint64_t* inbox[most_ranks];  // of every rank; one of them is ours
};
// 64-bit words of an inbox.
constexpr std::size_t inbox_words(unsigned ranks, std::size_t capacity) {
  return 2 * 2 * ranks * capacity;
}

}  // namespace limen::gpu
