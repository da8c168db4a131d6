#include "kernels/cpu/decode/shape.hpp"

namespace limen::kernels {

DecodeShape slice(const DecodeShape& whole, std::size_t rank, std::size_t ranks) {
  DecodeShape part = whole;
  part.rank = rank;
  part.ranks = ranks;
  part.vocabulary /= ranks;
  for (LayerShape& layer : part.layers) {
    layer.query_heads /= ranks;
    layer.kv_heads /= ranks;
    layer.width /= ranks;
    layer.expert_width /= ranks;
  }
  return part;
}

std::string unsliceable(const DecodeShape& whole, std::size_t ranks) {
  const auto uneven = [&](const char* what, std::size_t n) -> std::string {
    if (n % ranks == 0) return {};
    return std::to_string(n) + " " + what + " cannot be split over " + std::to_string(ranks) +
           " ranks";
  };
  if (auto why = uneven("tokens of the vocabulary", whole.vocabulary); !why.empty()) return why;
  for (const LayerShape& layer : whole.layers) {
    if (layer.head_dim % 16 != 0)
      return "heads of " + std::to_string(layer.head_dim) + " elements, not a multiple of 16";
    for (const auto& [what, n] : {std::pair{"query heads", layer.query_heads},
                                  {"KV heads", layer.kv_heads},
                                  {"columns of the network", layer.width},
                                  {"columns of an expert", layer.expert_width}}) {
      if (auto why = uneven(what, n); !why.empty()) return why;
    }
  }
  return {};
}

Shape matrix_shape(const DecodeShape& s, const LayerShape& layer, Role role) {
  const auto of = [&](std::size_t rows, std::size_t cols) { return Shape{s.weights, rows, cols}; };
  switch (role) {
    case Role::qkv:
      return of(layer.q_width() + 2 * layer.k_width(), s.hidden);
    case Role::output:
      return of(s.hidden, layer.q_width());
    case Role::gate_up:
      return of(2 * layer.width, s.hidden);
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

std::size_t whole_row(const DecodeShape& s, const LayerShape& layer, Role role, std::size_t row) {
  // Blocks of rows, each split over the ranks.
  const auto in_block = [&](std::size_t first, std::size_t rows) {
    return first * s.ranks + rows * s.rank + (row - first);
  };
  switch (role) {
    case Role::qkv: {
      const std::size_t q = layer.q_width(), k = layer.k_width();
      return row < q ? in_block(0, q) : row < q + k ? in_block(q, k) : in_block(q + k, k);
    }
    case Role::gate_up:
      return row < layer.width ? in_block(0, layer.width) : in_block(layer.width, layer.width);
    case Role::expert_gate_up:
      return row < layer.expert_width ? in_block(0, layer.expert_width)
                                      : in_block(layer.expert_width, layer.expert_width);
    case Role::head:
      return in_block(0, s.vocabulary);
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

}  // namespace limen::kernels
