// The KV cache of one layer in bf16: how it lies in memory, and which part of it is whose.
//
// A head of a sequence is a list of chunks of 64 tokens. A chunk holds its keys as
// [dimension / 2][token][2] and then its values as [token / 2][dimension][2]: what an instruction
// that multiplies pairs of bf16 wants, with no sum across lanes, and one endless stream of memory.
//
// The latent cache of MLA has one head for all queries, and a token's value is the first elements
// of its key. It lies as rows, [token][key], so that a row can be picked by itself; a chunk of rows
// is laid out as above when it is used, once for all queries.
//
// The chunks of all heads of all sequences, one after another, are split evenly over threads. A
// thread's part lies in one piece, in its own memory; a head may begin with one thread and end with
// the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cpu/matrix.hpp"
#include "model/work.hpp"

namespace limen::kernels {

inline constexpr std::size_t chunk = 64;  // tokens

// `group` query heads share each of `kv_heads`. `head_dim` (of a value) and `rope` are multiples
// of 16.
struct CacheShape {
  std::size_t sequences = 1, kv_heads = 1, group = 1, head_dim = 128;
  std::size_t context = 1;  // tokens that a query sees, its own included
  std::size_t rope = 0;     // latent: by which a key is longer than the value in it
  std::size_t width = 0;    // latent: scores are divided by its root; else by head_dim's

  bool operator==(const CacheShape&) const = default;
  constexpr bool latent() const { return rope > 0; }
  constexpr std::size_t key_dim() const { return head_dim + rope; }
  constexpr std::size_t heads() const { return sequences * kv_heads; }
  constexpr std::size_t chunks() const { return (context + chunk - 1) / chunk; }  // of a head
  constexpr std::size_t chunk_bytes() const {
    return (latent() ? key_dim() : 2 * head_dim) * chunk * 2;
  }
};

// Claim of one layer's attention: keys and values read once, 2 flops for each pair of an element of
// theirs and one of a query. Softmax is not counted, nor is what a query or a result takes.
model::Work attention_work(const CacheShape& shape);

// Consecutive chunks of one head, with one thread.
struct Piece {
  std::size_t head = 0;   // sequence * kv_heads + kv head
  std::size_t first = 0;  // chunk of the head
  std::size_t chunks = 0;
  std::size_t at = 0;  // chunks before it in the thread's memory
};
std::vector<Piece> pieces_of(const CacheShape& shape, std::size_t member, std::size_t members);
std::size_t chunks_in(const std::vector<Piece>& pieces);

// Where element `d` of the key (or value) of a chunk's token lies, in bf16 elements from the
// chunk's begin.
constexpr std::size_t key_at(std::size_t token, std::size_t d) {
  return d / 2 * chunk * 2 + token * 2 + d % 2;
}
constexpr std::size_t value_at(std::size_t head_dim, std::size_t token, std::size_t d) {
  return chunk * head_dim + token / 2 * head_dim * 2 + d * 2 + token % 2;
}

}  // namespace limen::kernels
