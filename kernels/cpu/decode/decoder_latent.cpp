// Latent attention of a layer (MLA), absorbed: what was attended to is never expanded.
#include "kernels/cpu/decode/decoder.hpp"

#include <algorithm>

#include "kernels/cpu/decode/pointwise.hpp"

namespace limen::kernels {

void Decoder::by_head(std::size_t m, std::size_t l, Role role, const float* from,
                      std::size_t from_head, std::size_t from_stride, float* to,
                      std::size_t to_head, std::size_t to_stride) {
  const auto mine = share_of(shape_.layers[l].query_heads, m);
  float *x = head_in_[m].data(), *y = head_out_[m].data();
  for (std::size_t h = mine.first; h < mine.first + mine.rows; ++h) {
    const Matrix& w = weights_[order_.at(l, role, h)];
    for (std::size_t t = 0; t < shape_.sequences; ++t)
      std::copy_n(from + t * from_stride + h * from_head, w.shape.cols, x + t * w.shape.cols);
    gemm_shard(w.shape, w.shards[m], x, shape_.sequences, y, workspaces_[m]);
    for (std::size_t t = 0; t < shape_.sequences; ++t)
      std::copy_n(y + t * w.shape.rows, w.shape.rows, to + t * to_stride + h * to_head);
  }
}

void Decoder::latent(std::size_t m, std::size_t l) {
  const LayerShape& layer = shape_.layers[l];
  const LatentShape& a = layer.latent;
  AttentionPlan& plan = caches_.plan(l);
  const std::size_t width = layer.projected(), heads = layer.query_heads;
  const std::size_t of_head = a.nope + a.rope, key = a.key_dim();
  const auto mine = tokens_of(m);
  // qkv_ is [sequence][latent query, latent row, index key, index weights].
  stage(m, Op::rest, [&] {
    for (std::size_t t = mine.first; t < mine.first + mine.rows; ++t) {
      float* down = &qkv_[t * width];
      float* row = down + a.query_rank;
      if (a.query_rank > 0)
        add_and_norm(down, nullptr, layers_[l].query_gain.data(), a.query_rank,
                     &query_[t * a.query_rank]);
      add_and_norm(row, nullptr, layers_[l].latent_gain.data(), a.rank, row);
      rotate(row + a.rank, a.rope, cosine_.data(), sine_.data());
      if (a.index_top > 0) rotate(row + key, a.rope, cosine_.data(), sine_.data());
    }
  });
  const std::vector<float>& query = a.query_rank > 0 ? query_ : normed_;
  stage(m, Op::qkv, [&] {
    product(m, order_.at(l, Role::query_up), query, queries_);
    if (a.index_top > 0) product(m, order_.at(l, Role::index_query), query, index_queries_);
  });
  stage(m, Op::qkv, [&] {
    by_head(m, l, Role::absorb_key, queries_.data(), of_head, heads * of_head,
            latent_queries_.data(), key, heads * key);
  });
  stage(m, Op::rest, [&] {
    for (std::size_t i = mine.first * heads; i < (mine.first + mine.rows) * heads; ++i) {
      float* to = &latent_queries_[i * key + a.rank];
      std::copy_n(&queries_[i * of_head + a.nope], a.rope, to);
      rotate(to, a.rope, cosine_.data(), sine_.data());
    }
  });
  if (a.index_top > 0) select(m, l);
  stage(m, Op::attention, [&] { caches_.append_row(l, m, &qkv_[a.query_rank], width); });
  stage(m, Op::attention,
        [&] { plan.attend(m, caches_.rows(l), latent_queries_.data(), heads * key); });
  stage(m, Op::attention, [&] { plan.merge(m, latent_out_.data(), heads * a.rank); });
  stage(m, Op::qkv, [&] {
    by_head(m, l, Role::absorb_value, latent_out_.data(), a.rank, heads * a.rank, attended_.data(),
            a.value_dim, layer.out_width());
  });
}

// Every rank selects for itself: scores of a part of the index heads would have to be added up.
void Decoder::select(std::size_t m, std::size_t l) {
  const LatentShape& a = shape_.layers[l].latent;
  Indexer& indexer = *caches_.indexer(l);
  const std::size_t width = shape_.layers[l].projected(), key = a.query_rank + a.key_dim();
  const auto mine = tokens_of(m);
  stage(m, Op::rest, [&] {
    for (std::size_t i = mine.first * a.index_heads; i < (mine.first + mine.rows) * a.index_heads;
         ++i)
      rotate(&index_queries_[i * a.index_dim], a.rope, cosine_.data(), sine_.data());
  });
  stage(m, Op::attention, [&] {
    caches_.append_index(l, m, &qkv_[key], width);
    indexer.score(m, caches_.index(l, m), index_queries_.data(), a.index_heads * a.index_dim,
                  &qkv_[key + a.index_dim], width);
  });
  stage(m, Op::attention, [&] { indexer.select(m); });
}

}  // namespace limen::kernels
