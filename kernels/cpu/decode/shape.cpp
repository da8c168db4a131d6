#include "kernels/cpu/decode/shape.hpp"

#include <algorithm>

namespace limen::kernels {

std::size_t LayerShape::projected() const {
  if (!is_latent()) return q_width() + 2 * k_width();
  return latent.query_rank + latent.key_dim() + (latent.index_top > 0 ? latent.index_dim : 0) +
         latent.index_heads;
}

std::size_t LayerShape::out_width() const {
  return query_heads * (is_latent() ? latent.value_dim : head_dim);
}

std::size_t DecodeShape::kept(const LayerShape& layer) const {
  if (layer.window == 0) return context;
  if (layer.chunked) return (context - 1) % layer.window + 1;
  return std::min(context, layer.window);
}

std::size_t DecodeShape::seen(const LayerShape& layer) const {
  const std::size_t top = layer.latent.index_top;
  return top > 0 ? std::min(kept(layer), top) : kept(layer);
}

DecodeShape slice(const DecodeShape& whole, std::size_t rank, std::size_t ranks) {
  DecodeShape part = whole;
  part.rank = rank;
  part.ranks = ranks;
  part.vocabulary /= ranks;
  for (LayerShape& layer : part.layers) {
    layer.query_heads /= ranks;
    if (!layer.is_latent()) {
      layer.kv_shared = layer.kv_heads < ranks ? ranks / layer.kv_heads : 1;
      layer.kv_heads = layer.kv_heads * layer.kv_shared / ranks;
    }
    layer.width /= ranks;
    layer.expert_width /= ranks;
  }
  return part;
}

namespace {

// What instructions on pairs and vectors of 16 want.
std::string unsuitable(const LayerShape& layer) {
  const auto& m = layer.latent;
  if (!layer.is_latent()) {
    if (layer.head_dim % 16 == 0) return {};
    return "heads of " + std::to_string(layer.head_dim) + " elements, not a multiple of 16";
  }
  for (const std::size_t n : {m.rank, m.rope, m.index_dim})
    if (n % 16 != 0 || m.rope == 0)
      return "latent attention of rank " + std::to_string(m.rank) + " + " + std::to_string(m.rope) +
             ", index of " + std::to_string(m.index_dim) + ": not multiples of 16";
  if (m.index_top > 0 && m.query_rank == 0) return "an indexer without a latent query";
  return {};
}

}  // namespace

std::string unsliceable(const DecodeShape& whole, std::size_t ranks) {
  const auto uneven = [&](const char* what, std::size_t n) -> std::string {
    if (n % ranks == 0) return {};
    return std::to_string(n) + " " + what + " cannot be split over " + std::to_string(ranks) +
           " ranks";
  };
  if (auto why = uneven("tokens of the vocabulary", whole.vocabulary); !why.empty()) return why;
  for (const LayerShape& layer : whole.layers) {
    if (auto why = unsuitable(layer); !why.empty()) return why;
    const bool shares_heads =
        layer.is_latent() || (layer.kv_heads < ranks && ranks % layer.kv_heads == 0);
    for (const auto& [what, n] : {std::pair{"query heads", layer.query_heads},
                                  {"KV heads", shares_heads ? ranks : layer.kv_heads},
                                  {"columns of the network", layer.width},
                                  {"columns of an expert", layer.expert_width}}) {
      if (auto why = uneven(what, n); !why.empty()) return why;
    }
  }
  return {};
}

std::size_t count_of(const LayerShape& layer, Role role) {
  const auto& m = layer.latent;
  switch (role) {
    case Role::qkv:
    case Role::output:
      return 1;
    case Role::query_up:
      return layer.is_latent() ? 1 : 0;
    case Role::index_query:
      return m.index_top > 0 ? 1 : 0;
    case Role::absorb_key:
    case Role::absorb_value:
      return layer.is_latent() ? layer.query_heads : 0;
    case Role::gate_up:
    case Role::down:
      return layer.width > 0 ? 1 : 0;
    case Role::router:
      return layer.experts > 0 ? 1 : 0;
    case Role::expert_gate_up:
    case Role::expert_down:
      return layer.experts_held();
    case Role::head:
      break;
  }
  return 0;
}

Shape matrix_shape(const DecodeShape& s, const LayerShape& layer, Role role) {
  const auto of = [&](std::size_t rows, std::size_t cols) { return Shape{s.weights, rows, cols}; };
  const auto& m = layer.latent;
  switch (role) {
    case Role::qkv:
      return of(layer.projected(), s.hidden);
    case Role::query_up:
      return of(layer.query_heads * (m.nope + m.rope), m.query_rank > 0 ? m.query_rank : s.hidden);
    case Role::index_query:
      return of(m.index_heads * m.index_dim, m.query_rank);
    case Role::absorb_key:
      return of(m.rank, m.nope);
    case Role::absorb_value:
      return of(m.value_dim, m.rank);
    case Role::output:
      return of(s.hidden, layer.out_width());
    case Role::gate_up:
      return of((layer.gated ? 2 : 1) * layer.width, s.hidden);
    case Role::down:
      return of(s.hidden, layer.width);
    case Role::router:
      return of(layer.experts, s.hidden);
    case Role::expert_gate_up:
      return of(2 * layer.expert_width, s.hidden);
    case Role::expert_down:
      return of(s.hidden, layer.expert_width);
    case Role::head:
      return of(s.vocabulary, s.hidden);
  }
  return {};
}

double weight_bytes(const DecodeShape& s) {
  double sum = 0;
  const auto add = [&](const LayerShape& layer, Role role, std::size_t n) {
    const Shape m = matrix_shape(s, layer, role);
    sum += double(n) * double(m.rows) * double(m.row_bytes() + 2 * m.groups());
  };
  for (const LayerShape& layer : s.layers)
    for (std::size_t r = 0; r < layer_roles; ++r)
      add(layer, static_cast<Role>(r), count_of(layer, static_cast<Role>(r)));
  add({}, Role::head, 1);
  return sum;
}

std::size_t whole_kv_head(const DecodeShape& s, const LayerShape& layer, std::size_t head) {
  return s.rank / layer.kv_shared * layer.kv_heads + head;
}

std::size_t whole_row(const DecodeShape& s, const LayerShape& layer, Role role, std::size_t row) {
  // Blocks of rows, each split over the ranks.
  const auto in_block = [&](std::size_t first, std::size_t rows) {
    return first * s.ranks + rows * s.rank + (row - first);
  };
  switch (role) {
    case Role::qkv: {
      if (layer.is_latent()) return row;
      const std::size_t q = layer.q_width(), k = layer.k_width();
      if (row < q) return in_block(0, q);
      const std::size_t first = row < q + k ? q : q + k;  // of the keys, or of the values
      return q * s.ranks + (first - q) * s.ranks / layer.kv_shared +
             whole_kv_head(s, layer, 0) * layer.head_dim + (row - first);
    }
    case Role::query_up:
      return in_block(0, layer.query_heads * (layer.latent.nope + layer.latent.rope));
    case Role::gate_up:
      return row < layer.width ? in_block(0, layer.width) : in_block(layer.width, layer.width);
    case Role::expert_gate_up:
      return row < layer.expert_width ? in_block(0, layer.expert_width)
                                      : in_block(layer.expert_width, layer.expert_width);
    case Role::head:
      return in_block(0, s.vocabulary);
    case Role::index_query:
    case Role::absorb_key:
    case Role::absorb_value:
    case Role::output:
    case Role::down:
    case Role::router:
    case Role::expert_down:
      return row;
  }
  return row;
}

std::size_t whole_col(const DecodeShape& s, Role role, std::size_t col, std::size_t cols) {
  const bool split = role == Role::output || role == Role::down || role == Role::expert_down;
  return split ? s.rank * cols + col : col;
}

std::size_t whole_index(const DecodeShape& s, const LayerShape& layer, Role role,
                        std::size_t index) {
  const bool of_head = role == Role::absorb_key || role == Role::absorb_value;
  return of_head ? s.rank * layer.query_heads + index : index;
}

MatrixOrder::MatrixOrder(const DecodeShape& s) {
  for (std::size_t l = 0; l < s.layers.size(); ++l) {
    first_.emplace_back();
    for (std::size_t r = 0; r < layer_roles; ++r) {
      const auto role = static_cast<Role>(r);
      if (role == Role::expert_down) {  // those come with expert_gate_up
        first_[l][r] = first_[l][r - 1] + 1;
        continue;
      }
      first_[l][r] = entries_.size();
      for (std::size_t i = 0; i < count_of(s.layers[l], role); ++i) {
        entries_.push_back({l, role, i});
        if (role == Role::expert_gate_up) entries_.push_back({l, Role::expert_down, i});
      }
    }
  }
  entries_.push_back({s.layers.size(), Role::head, 0});
}

}  // namespace limen::kernels
