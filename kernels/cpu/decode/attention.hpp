// Attention of one new token over the cache: softmax(q k / sqrt(dim)) v, for the queries that share
// a head of keys and values.
//
// Claim: attention_work() of cache.hpp.
//
// How: chunk by chunk, with the maximum and the sum of the softmax carried along. Queries and
// probabilities are rounded to bf16, as matrix units want them; products are added in fp32. Up to
// four queries at a time use a key that was loaded. Rows of a latent cache are laid out chunk by
// chunk in scratch memory first, which a hundred queries then share. A head's pieces are attended
// to by several threads at once, and what each found is merged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cpu/decode/cache.hpp"

namespace limen::kernels {

class Team;

// At a time. Of what comes from memory four are enough to wait for it; what lies in the cache is
// read again for the next ones, and six fill the registers.
inline constexpr std::size_t most_queries = 6;

// What a thread found for one query in its piece of a head: the largest score, the sum of the
// exponentials relative to it, and the values weighted with them, [head_dim].
struct Partial {
  float largest, sum;
};
inline constexpr std::size_t partial_floats(const CacheShape& s) { return 2 + s.head_dim; }

// Where the rows of a latent cache lie.
struct LatentRows {
  // [sequence][chunk of all tokens that are kept]: [token][key_dim] in bf16
  std::vector<const std::uint16_t*> chunks{};
  std::size_t chunks_each = 0;  // of a sequence
  // Those that attention sees of a sequence, [context], if it does not see all.
  std::vector<const std::uint32_t*> selected{};

  const std::uint16_t* row(std::size_t sequence, std::size_t token, std::size_t key_dim) const {
    const std::size_t t = selected.empty() ? token : selected[sequence][token];
    return chunks[sequence * chunks_each + t / chunk] + t % chunk * key_dim;
  }
};

// One piece. `chunks` is where it begins in memory; `queries` is [group][key_dim]; `partials` gets
// {largest, sum, weighted values} for each query. `scratch` holds attention_scratch() floats.
void attend(const CacheShape& shape, const Piece& piece, const std::byte* chunks,
            const float* queries, float* partials, float* scratch);
void attend(const CacheShape& shape, const Piece& piece, const LatentRows& rows,
            const float* queries, float* partials, float* scratch);
std::size_t attention_scratch(const CacheShape& shape);

// The partials of one query, each `stride` floats behind the one before it, as one result.
void merge_partials(const CacheShape& shape, const float* const* partials, std::size_t count,
                    float* result);

// Where the partials of each head lie once all threads have attended, and who merges which head.
class AttentionPlan {
 public:
  AttentionPlan(const CacheShape& shape, std::size_t members);

  const CacheShape& shape() const { return shape_; }
  const std::vector<Piece>& pieces(std::size_t member) const { return pieces_[member]; }
  // Bytes of a member's part of the cache.
  std::size_t bytes(std::size_t member) const;

  // The member's part: `memory` is its part of the cache, or `rows` the whole one; queries are
  // [sequence][head][key_dim] with `stride` floats a sequence. A barrier must lie between attending
  // and merging.
  void attend(std::size_t member, const std::byte* memory, const float* queries,
              std::size_t stride);
  void attend(std::size_t member, const LatentRows& rows, const float* queries, std::size_t stride);
  // Writes [sequence][head][head_dim] of the member's share of heads.
  void merge(std::size_t member, float* results, std::size_t stride);

 private:
  template <class Cache>
  void attend_pieces(std::size_t member, Cache&& cache_of, const float* queries,
                     std::size_t stride);

  CacheShape shape_;
  std::vector<std::vector<Piece>> pieces_;          // by member
  std::vector<std::vector<float>> partials_;        // by member: [piece][query]
  std::vector<std::vector<float>> scratch_;         // by member
  std::vector<std::vector<const float*>> of_head_;  // partials of a head's first query
};

// Checks attention over a cache of made-up numbers against fp64; empty, or what is wrong. A latent
// cache keeps `skipped` tokens besides those of the context, which attention must pass over.
std::string verify_attention(Team& team, int members, const CacheShape& shape,
                             std::size_t skipped = 0);

}  // namespace limen::kernels
