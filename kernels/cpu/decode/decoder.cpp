#include "kernels/cpu/decode/decoder.hpp"

#include <algorithm>
#include <utility>

#include "kernels/cpu/decode/pointwise.hpp"

namespace limen::kernels {
namespace {

std::vector<Placed> placed(const DecodeShape& s, const MatrixOrder& order) {
  std::vector<Placed> all;
  for (const auto& [l, role, index] : order.entries()) {
    const LayerShape layer = l < s.layers.size() ? s.layers[l] : LayerShape{};
    const bool by_head = role == Role::absorb_key || role == Role::absorb_value;
    all.push_back({matrix_shape(s, layer, role), index, by_head ? layer.query_heads : 0});
  }
  return all;
}

std::vector<float> gains(std::size_t layer, std::size_t which, std::size_t n) {
  std::vector<float> all;
  for (std::size_t i = 0; i < n; ++i) all.push_back(Numbers::gain(layer, which, i));
  return all;
}

}  // namespace

Decoder::Decoder(Team& team, const DecodeShape& shape, Fill fill, std::uint64_t seed,
                 Exchanges exchanges)
    : team_(team),
      shape_(shape),
      fill_(fill),
      seed_(seed),
      exchanges_(std::move(exchanges)),
      order_(shape),
      weights_(placed(shape, order_)),
      barrier_(team.size()) {
  std::size_t widest = shape_.hidden;  // of what products take
  for (std::size_t l = 0; l < shape_.layers.size(); ++l) {
    const LayerShape& layer = shape_.layers[l];
    const LatentShape& a = layer.latent;
    layers_.push_back({gains(l, 0, shape_.hidden), gains(l, 1, shape_.hidden),
                       gains(l, 2, a.query_rank), gains(l, 3, a.rank)});
    widest = std::max(
        {widest, layer.out_width(), layer.width, layer.expert_width, a.query_rank, a.rank, a.nope});
  }
  last_gain_ = gains(shape_.layers.size(), 0, shape_.hidden);
  make_weights(seed);
  workspaces_.resize(static_cast<std::size_t>(team_.size()));
  constexpr std::size_t most_tokens = 64;
  team_.run(team_.size(), [&](int m) {
    workspaces_[static_cast<std::size_t>(m)] = Workspace(widest, most_tokens);
  });
  resize(shape_.sequences, shape_.context);
}

void Decoder::make_weights(std::uint64_t seed) {
  if (fill_ == Fill::random) {
    weights_.make(team_, seed);
    return;
  }
  weights_.make(team_, [&](std::size_t i, std::size_t row, std::vector<int>& weight,
                           std::vector<float>& scale) {
    const auto& [l, role, index] = order_.entries()[i];
    const LayerShape layer = l < shape_.layers.size() ? shape_.layers[l] : LayerShape{};
    const std::size_t whole = whole_row(shape_, layer, role, row);
    for (std::size_t k = 0; k < weight.size(); ++k)
      weight[k] = Numbers::weight(l, role, whole_index(shape_, layer, role, index), whole,
                                  whole_col(shape_, role, k, weight.size()));
    for (float& x : scale) x = Numbers::scale(role, whole);
  });
}

void Decoder::resize(std::size_t sequences, std::size_t context) {
  shape_.sequences = sequences;
  shape_.context = context;
  std::size_t qkv = 0, out = 0, both = 0, width = 0, expert_width = 0, pairs = 0, experts = 0;
  std::size_t query = 0, queries = 0, latent_queries = 0, latent_out = 0, index = 0, in_head = 0,
              dim = 0;
  for (const LayerShape& layer : shape_.layers) {
    const LatentShape& a = layer.latent;
    qkv = std::max(qkv, layer.projected());
    out = std::max(out, layer.out_width());
    both = std::max(both, (layer.gated ? 2 : 1) * layer.width);
    width = std::max(width, layer.width);
    expert_width = std::max(expert_width, layer.expert_width);
    pairs = std::max(pairs, sequences * layer.top_k);
    experts = std::max(experts, layer.experts);
    query = std::max(query, a.query_rank);
    queries = std::max(queries, layer.query_heads * (a.nope + a.rope));
    latent_queries = std::max(latent_queries, layer.query_heads * a.key_dim());
    latent_out = std::max(latent_out, layer.query_heads * a.rank);
    index = std::max(index, a.index_heads * a.index_dim);
    in_head = std::max({in_head, a.nope, a.rank, a.value_dim});
    dim = layer.is_latent() ? a.rope : layer.head_dim;  // the same in all layers
  }
  for (auto* v : {&residual_, &normed_, &out_, &reduced_}) v->assign(sequences * shape_.hidden, 0);
  qkv_.assign(sequences * qkv, 0);
  attended_.assign(sequences * out, 0);
  query_.assign(sequences * query, 0);
  queries_.assign(sequences * queries, 0);
  latent_queries_.assign(sequences * latent_queries, 0);
  latent_out_.assign(sequences * latent_out, 0);
  index_queries_.assign(sequences * index, 0);
  head_in_.assign(workspaces_.size(), std::vector<float>(sequences * in_head));
  head_out_ = head_in_;
  gate_up_.assign(sequences * both, 0);
  gated_.assign(sequences * width, 0);
  scores_.assign(sequences * experts, 0);
  logits_.assign(sequences * shape_.vocabulary, 0);
  pair_x_.assign(pairs * shape_.hidden, 0);
  pair_out_.assign(pairs * shape_.hidden, 0);
  pair_gate_up_.assign(pairs * 2 * expert_width, 0);
  pair_gated_.assign(pairs * expert_width, 0);
  candidates_.assign(sequences, {});
  routed_ = {std::vector<std::uint32_t>(pairs), std::vector<std::uint32_t>(pairs),
             std::vector<float>(pairs), std::vector<std::uint32_t>(experts + 1)};
  cosine_.resize(dim / 2);
  sine_.resize(dim / 2);
  rotation(context - 1, dim, rotation_base, cosine_.data(), sine_.data());
  caches_.make(team_, shape_, fill_ == Fill::numbers, seed_);
}

void Decoder::product(std::size_t member, std::size_t i, const std::vector<float>& x,
                      std::vector<float>& y) {
  const Matrix& matrix = weights_[i];
  gemm_shard(matrix.shape, matrix.shards[member], x.data(), shape_.sequences, y.data(),
             workspaces_[member]);
}

void Decoder::step(std::vector<std::uint32_t>& tokens) {
  times_.assign(2 * shape_.layers.size() + 1, {});
  at_block_ = 2 * shape_.layers.size();
  experts_read_ = 0;
  last_stamp_ = now();
  team_.run(team_.size(), [&](int m) { run(static_cast<std::size_t>(m), tokens); });
}

void Decoder::run(std::size_t m, std::vector<std::uint32_t>& tokens) {
  const auto mine = tokens_of(m);
  const std::size_t d = shape_.hidden;
  // Adds what the block before has left, and normalizes.
  const auto norm = [&](const std::vector<float>* delta, const std::vector<float>& gain) {
    stage(m, Op::rest, [&] {
      for (std::size_t t = mine.first; t < mine.first + mine.rows; ++t)
        add_and_norm(&residual_[t * d], delta ? &(*delta)[t * d] : nullptr, gain.data(), d,
                     &normed_[t * d]);
    });
  };
  const auto begin_block = [&](std::size_t block) {
    if (m == 0) at_block_ = block;
  };
  embed(m, tokens);
  const std::vector<float>* delta = nullptr;
  for (std::size_t l = 0; l < shape_.layers.size(); ++l) {
    const LayerShape& layer = shape_.layers[l];
    begin_block(2 * l);
    norm(delta, layers_[l].attention_gain);
    stage(m, Op::qkv, [&] { product(m, order_.at(l, Role::qkv), normed_, qkv_); });
    if (layer.is_latent()) {
      latent(m, l);
    } else {
      grouped(m, l);
    }
    stage(m, Op::output, [&] { product(m, order_.at(l, Role::output), attended_, out_); });
    delta = &reduced(m);
    begin_block(2 * l + 1);
    norm(delta, layers_[l].network_gain);
    if (layer.width > 0) dense(m, l);
    if (layer.experts > 0) routed(m, l);
    delta = &reduced(m);
  }
  begin_block(2 * shape_.layers.size());
  norm(delta, last_gain_);
  stage(m, Op::head, [&] { product(m, order_.head(), normed_, logits_); });
  sample(m, tokens);
}

const std::vector<float>& Decoder::reduced(std::size_t m) {
  if (shape_.ranks == 1) return out_;
  stage(m, Op::exchange, [&] {
    if (m == 0) exchanges_.sum(out_.data(), reduced_.data(), shape_.sequences * shape_.hidden);
  });
  return reduced_;
}

void Decoder::embed(std::size_t m, const std::vector<std::uint32_t>& tokens) {
  const auto mine = tokens_of(m);
  const Matrix& table = weights_[order_.head()];
  const std::size_t d = shape_.hidden;
  stage(m, Op::rest, [&] {
    for (std::size_t t = mine.first; t < mine.first + mine.rows; ++t) {
      float* to = &out_[t * d];
      std::fill_n(to, d, 0.0f);
      for (const Shard& shard : table.shards) {
        for (const Band& band : shard) {
          // Wraps, and so is no row of the band, where the token is below it.
          const std::size_t row = tokens[t] - shape_.first_token() - band.first_row;
          if (row >= band.rows) continue;
          for (std::size_t k = 0; k < d; ++k)
            to[k] =
                static_cast<float>(decode(table.shape, band.weights + row * table.shape.row_bytes(),
                                          band.scales + row * table.shape.groups(), k));
        }
      }
    }
  });
  const std::vector<float>& sum = reduced(m);
  stage(m, Op::rest,
        [&] { std::copy_n(&sum[mine.first * d], mine.rows * d, &residual_[mine.first * d]); });
}

void Decoder::sample(std::size_t m, std::vector<std::uint32_t>& tokens) {
  const auto mine = tokens_of(m);
  stage(m, Op::rest, [&] {
    for (std::size_t t = mine.first; t < mine.first + mine.rows; ++t) {
      const float* logits = &logits_[t * shape_.vocabulary];
      const std::size_t best = largest_of(logits, shape_.vocabulary);
      candidates_[t] = {logits[best], static_cast<int>(shape_.first_token() + best)};
    }
  });
  if (shape_.ranks > 1)
    stage(m, Op::exchange, [&] {
      if (m == 0) exchanges_.largest(candidates_.data(), shape_.sequences);
    });
  stage(m, Op::rest, [&] {
    for (std::size_t t = mine.first; t < mine.first + mine.rows; ++t)
      tokens[t] = static_cast<std::uint32_t>(candidates_[t].token);
  });
}

}  // namespace limen::kernels
