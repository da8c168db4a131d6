// Who attends to what, and how the parts of a head come together.
#include <algorithm>
#include <cmath>

#include "kernels/cpu/decode/attention.hpp"

namespace limen::kernels {

std::size_t attention_scratch(const CacheShape& shape) {
  const std::size_t laid_out = shape.latent() ? chunk * (shape.key_dim() + shape.head_dim) / 2 : 0;
  return most_queries * chunk +
         most_queries * chunk / 2 +  // scores in fp32, probabilities in 16 bits
         shape.group * shape.key_dim() / 2 + laid_out;
}

void merge_partials(const CacheShape& shape, const float* const* partials, std::size_t count,
                    float* result) {
  float largest = -INFINITY, sum = 0;
  for (std::size_t i = 0; i < count; ++i) largest = std::max(largest, partials[i][0]);
  std::fill_n(result, shape.head_dim, 0.0f);
  for (std::size_t i = 0; i < count; ++i) {
    const float share = std::exp(partials[i][0] - largest);
    sum += share * partials[i][1];
    for (std::size_t d = 0; d < shape.head_dim; ++d) result[d] += share * partials[i][2 + d];
  }
  for (std::size_t d = 0; d < shape.head_dim; ++d) result[d] /= sum;
}

AttentionPlan::AttentionPlan(const CacheShape& shape, std::size_t members) : shape_(shape) {
  of_head_.resize(shape.heads());
  for (std::size_t m = 0; m < members; ++m) {
    pieces_.push_back(pieces_of(shape, m, members));
    partials_.emplace_back(pieces_[m].size() * shape.group * partial_floats(shape));
    scratch_.emplace_back(attention_scratch(shape));
    for (std::size_t i = 0; i < pieces_[m].size(); ++i)
      of_head_[pieces_[m][i].head].push_back(partials_[m].data() +
                                             i * shape.group * partial_floats(shape));
  }
}

std::size_t AttentionPlan::bytes(std::size_t member) const {
  return chunks_in(pieces_[member]) * shape_.chunk_bytes();
}

template <class Cache>
void AttentionPlan::attend_pieces(std::size_t member, Cache&& cache_of, const float* queries,
                                  std::size_t stride) {
  float* partials = partials_[member].data();
  for (const Piece& piece : pieces_[member]) {
    const float* of_head = queries + piece.head / shape_.kv_heads * stride +
                           piece.head % shape_.kv_heads * shape_.group * shape_.key_dim();
    kernels::attend(shape_, piece, cache_of(piece), of_head, partials, scratch_[member].data());
    partials += shape_.group * partial_floats(shape_);
  }
}

void AttentionPlan::attend(std::size_t member, const std::byte* memory, const float* queries,
                           std::size_t stride) {
  attend_pieces(
      member, [&](const Piece& p) { return memory + p.at * shape_.chunk_bytes(); }, queries,
      stride);
}

void AttentionPlan::attend(std::size_t member, const LatentRows& rows, const float* queries,
                           std::size_t stride) {
  attend_pieces(
      member, [&](const Piece&) -> const LatentRows& { return rows; }, queries, stride);
}

void AttentionPlan::merge(std::size_t member, float* results, std::size_t stride) {
  const auto mine = part_of(shape_.heads(), member, pieces_.size());
  std::vector<const float*> partials;
  for (std::size_t h = mine.first; h < mine.first + mine.rows; ++h) {
    float* result = results + h / shape_.kv_heads * stride +
                    h % shape_.kv_heads * shape_.group * shape_.head_dim;
    partials = of_head_[h];
    for (std::size_t g = 0; g < shape_.group; ++g) {
      merge_partials(shape_, partials.data(), partials.size(), result + g * shape_.head_dim);
      for (auto& p : partials) p += partial_floats(shape_);
    }
  }
}

}  // namespace limen::kernels
