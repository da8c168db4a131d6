#include "kernels/cpu/decode/decoder.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "kernels/cpu/decode/pointwise.hpp"
#include "kernels/cpu/team.hpp"

namespace limen::kernels {
namespace {

constexpr Role dense_roles[] = {Role::qkv, Role::output, Role::gate_up, Role::down, Role::router};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool has(const LayerShape& layer, Role role) {
  if (role == Role::gate_up || role == Role::down) return layer.width > 0;
  if (role == Role::router) return layer.experts > 0;
  return true;
}

std::vector<Shape> matrices_of(const DecodeShape& s) {
  std::vector<Shape> all;
  for (const LayerShape& layer : s.layers) {
    for (Role role : dense_roles)
      if (has(layer, role)) all.push_back(matrix_shape(s, layer, role));
    for (std::size_t e = 0; e < layer.experts; ++e) {
      all.push_back(matrix_shape(s, layer, Role::expert_gate_up));
      all.push_back(matrix_shape(s, layer, Role::expert_down));
    }
  }
  all.push_back(matrix_shape(s, {}, Role::head));
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
      weights_(matrices_of(shape)),
      barrier_(team.size()) {
  std::size_t first = 0, widest = shape_.hidden;
  for (std::size_t l = 0; l < shape_.layers.size(); ++l) {
    const LayerShape& layer = shape_.layers[l];
    layers_.push_back({first, 0, {}, {}});
    for (Role role : dense_roles) first += has(layer, role) ? 1 : 0;
    first += 2 * layer.experts;
    for (std::size_t i = 0; i < shape_.hidden; ++i) {
      layers_[l].attention_gain.push_back(Numbers::gain(l, 0, i));
      layers_[l].network_gain.push_back(Numbers::gain(l, 1, i));
    }
    widest = std::max({widest, layer.q_width(), layer.width, layer.expert_width});
  }
  for (std::size_t i = 0; i < shape_.hidden; ++i)
    last_gain_.push_back(Numbers::gain(shape_.layers.size(), 0, i));
  if (fill_ == Fill::random) {
    weights_.make(team_, seed_);
  } else {
    std::vector<std::pair<std::size_t, std::pair<Role, std::size_t>>> what;  // by matrix
    for (std::size_t l = 0; l < shape_.layers.size(); ++l) {
      for (Role role : dense_roles)
        if (has(shape_.layers[l], role)) what.push_back({l, {role, 0}});
      for (std::size_t e = 0; e < shape_.layers[l].experts; ++e) {
        what.push_back({l, {Role::expert_gate_up, e}});
        what.push_back({l, {Role::expert_down, e}});
      }
    }
    what.push_back({shape_.layers.size(), {Role::head, 0}});
    weights_.make(team_, [&](std::size_t i, std::size_t row, std::vector<int>& weight,
                             std::vector<float>& scale) {
      const auto& [l, role_expert] = what[i];
      const auto& [role, expert] = role_expert;
      const LayerShape layer = l < shape_.layers.size() ? shape_.layers[l] : LayerShape{};
      const std::size_t whole = whole_row(shape_, layer, role, row);
      for (std::size_t k = 0; k < weight.size(); ++k)
        weight[k] =
            Numbers::weight(l, role, expert, whole, whole_col(shape_, role, k, weight.size()));
      for (float& x : scale) x = Numbers::scale(role, whole);
    });
  }
  workspaces_.resize(static_cast<std::size_t>(team_.size()));
  constexpr std::size_t most_tokens = 64;
  team_.run(team_.size(), [&](int m) {
    workspaces_[static_cast<std::size_t>(m)] = Workspace(widest, most_tokens);
  });
  std::vector<std::size_t> seen;
  for (const LayerShape& layer : shape_.layers) seen.push_back(layer.seen);
  resize(shape_.sequences, seen, shape_.context);
}

void Decoder::resize(std::size_t sequences, const std::vector<std::size_t>& seen,
                     std::size_t context) {
  shape_.sequences = sequences;
  shape_.context = context;
  plans_.clear();
  caches_.clear();
  std::size_t qkv = 0, q = 0, width = 0, expert_width = 0, pairs = 0, experts = 0;
  const auto members = static_cast<std::size_t>(team_.size());
  for (std::size_t l = 0; l < shape_.layers.size(); ++l) {
    LayerShape& layer = shape_.layers[l];
    layer.seen = seen[l];
    const CacheShape cache{sequences, layer.kv_heads, layer.query_heads / layer.kv_heads,
                           layer.head_dim, layer.seen};
    const auto same = std::find_if(plans_.begin(), plans_.end(), [&](const AttentionPlan& p) {
      return p.shape().context == cache.context && p.shape().kv_heads == cache.kv_heads &&
             p.shape().group == cache.group && p.shape().head_dim == cache.head_dim;
    });
    layers_[l].attention = static_cast<std::size_t>(same - plans_.begin());
    if (same == plans_.end()) plans_.emplace_back(cache, members);
    qkv = std::max(qkv, layer.q_width() + 2 * layer.k_width());
    q = std::max(q, layer.q_width());
    width = std::max(width, layer.width);
    expert_width = std::max(expert_width, layer.expert_width);
    pairs = std::max(pairs, sequences * layer.top_k);
    experts = std::max(experts, layer.experts);
  }
  for (auto* v : {&residual_, &normed_, &out_, &reduced_}) v->assign(sequences * shape_.hidden, 0);
  qkv_.assign(sequences * qkv, 0);
  attended_.assign(sequences * q, 0);
  gate_up_.assign(sequences * 2 * width, 0);
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
  const std::size_t dim = shape_.layers[0].head_dim;  // the same in all layers
  cosine_.resize(dim / 2);
  sine_.resize(dim / 2);
  rotation(context - 1, dim, rotation_base, cosine_.data(), sine_.data());
  fill_cache(seed_);
}

void Decoder::fill_cache(std::uint64_t seed) {
  caches_.resize(shape_.layers.size());
  for (auto& of_layer : caches_) of_layer.resize(static_cast<std::size_t>(team_.size()));
  team_.run(team_.size(), [&](int member) {
    const auto m = static_cast<std::size_t>(member);
    std::uint64_t state = (seed + m) * 0x9E3779B97F4A7C15u | 1;
    for (std::size_t l = 0; l < shape_.layers.size(); ++l) {
      AttentionPlan& plan = plans_[layers_[l].attention];
      const CacheShape& s = plan.shape();
      Buffer& cache = caches_[l][m] = Buffer(plan.bytes(m) + 64);
      if (fill_ == Fill::random) {
        auto* words = cache.as<std::uint64_t>();
        for (std::size_t i = 0; i < plan.bytes(m) / 8; ++i) {  // +-[1/2, 1)
          state ^= state << 13;
          state ^= state >> 7;
          state ^= state << 17;
          words[i] = (state & 0x807F807F807F807Fu) | 0x3F003F003F003F00u;
        }
        continue;
      }
      for (const Piece& p : plan.pieces(m)) {
        const std::size_t head = shape_.rank * s.kv_heads + p.head % s.kv_heads;
        for (std::size_t t = 0; t < p.chunks * chunk; ++t) {
          auto* at = cache.as<std::uint16_t>((p.at + t / chunk) * s.chunk_bytes());
          for (std::size_t d = 0; d < s.head_dim; ++d) {
            for (bool value : {false, true}) {
              const float x =
                  Numbers::cached(l, p.head / s.kv_heads, head, p.first * chunk + t, d, value);
              round_to_bf16(
                  &x, 1, at + (value ? value_at(s.head_dim, t % chunk, d) : key_at(t % chunk, d)));
            }
          }
        }
      }
    }
  });
}

std::size_t Decoder::cache_bytes() const {
  std::size_t sum = 0;
  for (const auto& of_layer : caches_)
    for (const Buffer& b : of_layer) sum += b.size();
  return sum;
}

std::size_t Decoder::matrix(std::size_t l, Role role, std::size_t expert) const {
  if (role == Role::head) return weights_.size() - 1;
  const LayerShape& layer = shape_.layers[l];
  std::size_t at = layers_[l].first;
  for (Role r : dense_roles) {
    if (r == role) return at;
    at += has(layer, r) ? 1 : 0;
  }
  return at + 2 * expert + (role == Role::expert_down ? 1 : 0);
}

template <class Work>
void Decoder::stage(std::size_t member, Op op, Work&& work) {
  work();
  barrier_.wait(static_cast<int>(member));
  if (member != 0) return;
  const double stamp = now();
  times_[at_layer_][static_cast<std::size_t>(op)] += stamp - last_stamp_;
  last_stamp_ = stamp;
}

void Decoder::product(std::size_t member, std::size_t i, const std::vector<float>& x,
                      std::vector<float>& y) {
  const Matrix& matrix = weights_[i];
  gemm_shard(matrix.shape, matrix.shards[member], x.data(), shape_.sequences, y.data(),
             workspaces_[member]);
}

void Decoder::step(std::vector<std::uint32_t>& tokens) {
  times_.assign(shape_.layers.size() + 1, {});
  at_layer_ = shape_.layers.size();
  experts_read_ = 0;
  last_stamp_ = now();
  team_.run(team_.size(), [&](int m) { run(static_cast<std::size_t>(m), tokens); });
}

void Decoder::run(std::size_t m, std::vector<std::uint32_t>& tokens) {
  const auto mine = part_of(shape_.sequences, m, static_cast<std::size_t>(team_.size()));
  const std::size_t d = shape_.hidden;
  // Adds what the block before has left, and normalizes.
  const auto norm = [&](const std::vector<float>* delta, const std::vector<float>& gain) {
    stage(m, Op::rest, [&] {
      for (std::size_t t = mine.first; t < mine.first + mine.rows; ++t)
        add_and_norm(&residual_[t * d], delta ? &(*delta)[t * d] : nullptr, gain.data(), d,
                     &normed_[t * d]);
    });
  };
  embed(m, tokens);
  const std::vector<float>* delta = nullptr;
  for (std::size_t l = 0; l < shape_.layers.size(); ++l) {
    if (m == 0) at_layer_ = l;
    norm(delta, layers_[l].attention_gain);
    stage(m, Op::qkv, [&] { product(m, matrix(l, Role::qkv), normed_, qkv_); });
    attend(m, l);
    stage(m, Op::output, [&] { product(m, matrix(l, Role::output), attended_, out_); });
    delta = &reduced(m);
    norm(delta, layers_[l].network_gain);
    const LayerShape& layer = shape_.layers[l];
    if (layer.width > 0) dense(m, l);
    if (layer.experts > 0) routed(m, l);
    delta = &reduced(m);
  }
  if (m == 0) at_layer_ = shape_.layers.size();
  norm(delta, last_gain_);
  stage(m, Op::head, [&] { product(m, matrix(0, Role::head), normed_, logits_); });
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
  const auto mine = part_of(shape_.sequences, m, static_cast<std::size_t>(team_.size()));
  const Matrix& table = weights_[matrix(0, Role::head)];
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

void Decoder::append(std::size_t m, std::size_t l) {
  const LayerShape& layer = shape_.layers[l];
  AttentionPlan& plan = plans_[layers_[l].attention];
  const CacheShape& s = plan.shape();
  const std::size_t last = s.context - 1, width = layer.q_width() + 2 * layer.k_width();
  std::vector<std::uint16_t> rounded(s.head_dim);
  for (const Piece& p : plan.pieces(m)) {
    if (p.first + p.chunks != s.chunks()) continue;  // another's
    auto* at = caches_[l][m].as<std::uint16_t>((p.at + p.chunks - 1) * s.chunk_bytes());
    const float* key =
        &qkv_[p.head / s.kv_heads * width + layer.q_width() + p.head % s.kv_heads * s.head_dim];
    round_to_bf16(key, s.head_dim, rounded.data());
    for (std::size_t d = 0; d < s.head_dim; ++d) at[key_at(last % chunk, d)] = rounded[d];
    round_to_bf16(key + layer.k_width(), s.head_dim, rounded.data());
    for (std::size_t d = 0; d < s.head_dim; ++d)
      at[value_at(s.head_dim, last % chunk, d)] = rounded[d];
  }
}

void Decoder::attend(std::size_t m, std::size_t l) {
  const LayerShape& layer = shape_.layers[l];
  AttentionPlan& plan = plans_[layers_[l].attention];
  const std::size_t width = layer.q_width() + 2 * layer.k_width();
  stage(m, Op::rest, [&] {
    const std::size_t heads = layer.query_heads + layer.kv_heads;  // of queries, then of keys
    const auto mine = part_of(shape_.sequences * heads, m, static_cast<std::size_t>(team_.size()));
    for (std::size_t h = mine.first; h < mine.first + mine.rows; ++h)
      rotate(&qkv_[h / heads * width + h % heads * layer.head_dim], layer.head_dim, cosine_.data(),
             sine_.data());
  });
  stage(m, Op::attention, [&] {
    append(m, l);
    plan.attend(m, caches_[l][m].data(), qkv_.data(), width);
  });
  stage(m, Op::attention, [&] { plan.merge(m, attended_.data(), layer.q_width()); });
}

void Decoder::dense(std::size_t m, std::size_t l) {
  const std::size_t width = shape_.layers[l].width;
  stage(m, Op::gate_up, [&] { product(m, matrix(l, Role::gate_up), normed_, gate_up_); });
  stage(m, Op::rest, [&] {
    const auto mine = part_of(width, m, static_cast<std::size_t>(team_.size()));
    for (std::size_t t = 0; t < shape_.sequences; ++t) {
      const float* gates = &gate_up_[t * 2 * width] + mine.first;
      gate(gates, gates + width, mine.rows, &gated_[t * width] + mine.first);
    }
  });
  stage(m, Op::down, [&] { product(m, matrix(l, Role::down), gated_, out_); });
}

// Pairs of token and expert, by expert.
void Decoder::sort_pairs(const LayerShape& layer) {
  const std::size_t pairs = shape_.sequences * layer.top_k;
  auto& first = routed_.first;
  std::fill(first.begin(), first.end(), 0u);
  for (std::size_t i = 0; i < pairs; ++i) ++first[routed_.chosen[i] + 1];
  for (std::size_t e = 0; e < layer.experts; ++e) {
    experts_read_ += first[e + 1] > 0 ? 1 : 0;
    first[e + 1] += first[e];
  }
  std::vector<std::uint32_t> next(first.begin(), first.end());
  for (std::size_t i = 0; i < pairs; ++i) routed_.slot[i] = next[routed_.chosen[i]]++;
}

void Decoder::routed(std::size_t m, std::size_t l) {
  const LayerShape& layer = shape_.layers[l];
  const std::size_t d = shape_.hidden, k = layer.top_k, width = layer.expert_width;
  const auto members = static_cast<std::size_t>(team_.size());
  const auto tokens = part_of(shape_.sequences, m, members);
  const auto pairs = part_of(shape_.sequences * k, m, members);
  stage(m, Op::router, [&] { product(m, matrix(l, Role::router), normed_, scores_); });
  stage(m, Op::rest, [&] {
    for (std::size_t t = tokens.first; t < tokens.first + tokens.rows; ++t)
      choose(&scores_[t * layer.experts], layer.experts, k, &routed_.chosen[t * k],
             &routed_.weight[t * k]);
  });
  stage(m, Op::rest, [&] {
    if (m == 0) sort_pairs(layer);
  });
  stage(m, Op::rest, [&] {
    for (std::size_t i = pairs.first; i < pairs.first + pairs.rows; ++i)
      std::copy_n(&normed_[i / k * d], d, &pair_x_[routed_.slot[i] * d]);
  });
  const auto products = [&](Role role, const std::vector<float>& x, std::vector<float>& y) {
    stage(m, Op::experts, [&] {
      for (std::size_t e = 0; e < layer.experts; ++e) {
        const std::size_t begin = routed_.first[e], count = routed_.first[e + 1] - begin;
        if (count == 0) continue;
        const Matrix& w = weights_[matrix(l, role, e)];
        gemm_shard(w.shape, w.shards[m], &x[begin * w.shape.cols], count, &y[begin * w.shape.rows],
                   workspaces_[m]);
      }
    });
  };
  products(Role::expert_gate_up, pair_x_, pair_gate_up_);
  stage(m, Op::rest, [&] {
    for (std::size_t i = pairs.first; i < pairs.first + pairs.rows; ++i)
      gate(&pair_gate_up_[i * 2 * width], &pair_gate_up_[i * 2 * width + width], width,
           &pair_gated_[i * width]);
  });
  products(Role::expert_down, pair_gated_, pair_out_);
  stage(m, Op::rest, [&] {
    for (std::size_t t = tokens.first; t < tokens.first + tokens.rows; ++t) {
      float* to = &out_[t * d];
      if (layer.width == 0) std::fill_n(to, d, 0.0f);
      for (std::size_t j = 0; j < k; ++j)
        accumulate(to, &pair_out_[routed_.slot[t * k + j] * d], routed_.weight[t * k + j], d);
    }
  });
}

void Decoder::sample(std::size_t m, std::vector<std::uint32_t>& tokens) {
  const auto mine = part_of(shape_.sequences, m, static_cast<std::size_t>(team_.size()));
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
