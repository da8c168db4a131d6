// The indexer of sparse attention: which tokens of the cache a new token attends to.
//
// Claim: an index key of `dim` elements in bf16 is read for every token, and multiplied with
// `heads` queries: 2 heads dim flops. The score of a token is the sum over heads of weight * max(0,
// q k); the `top` tokens of the largest scores are selected, of equal ones the earlier.
//
// How: keys lie in chunks as those of cache.hpp, without values. All threads score; then each
// selects for its share of the sequences.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cpu/decode/cache.hpp"

namespace limen::kernels {

class Team;

struct IndexShape {
  std::size_t sequences = 1, heads = 1, dim = 128;  // dim: a multiple of 16
  std::size_t context = 1, top = 1;

  bool operator==(const IndexShape&) const = default;
  constexpr std::size_t selected() const { return context < top ? context : top; }
  constexpr std::size_t chunk_bytes() const { return chunk * dim * 2; }
  // How the keys lie: one head a sequence.
  constexpr CacheShape cache() const { return {sequences, 1, heads, dim, context}; }
};

class Indexer {
 public:
  Indexer(const IndexShape& shape, std::size_t members);

  const IndexShape& shape() const { return shape_; }
  const std::vector<Piece>& pieces(std::size_t member) const { return pieces_[member]; }
  std::size_t bytes(std::size_t member) const;  // of a member's part of the keys

  // Queries are [sequence][head][dim], weights [sequence][head], with as many floats a sequence as
  // the strides say. A barrier must lie between the two.
  void score(std::size_t member, const std::byte* keys, const float* queries,
             std::size_t query_stride, const float* weights, std::size_t weight_stride);
  void select(std::size_t member);
  // In the order of the tokens, shape().selected() of them.
  const std::uint32_t* selected(std::size_t sequence) const {
    return &selected_[sequence * shape_.selected()];
  }

 private:
  IndexShape shape_;
  std::vector<std::vector<Piece>> pieces_;   // by member
  std::vector<std::vector<float>> scratch_;  // by member
  std::vector<float> scores_;                // [sequence][token], whole chunks
  std::vector<float> order_;                 // [sequence][token]
  std::vector<std::uint32_t> selected_;
};

// Checks a selection by small integers, exactly; empty, or what is wrong.
std::string verify_index(Team& team, int members, const IndexShape& shape);

}  // namespace limen::kernels
