// The shape of a decode step: of a whole model, or of what one tensor-parallel rank has of it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kernels/cpu/matrix.hpp"

namespace limen::kernels {

// Grouped-query attention, then a gated network, or routed experts, or both (a shared expert).
struct LayerShape {
  std::size_t query_heads = 0, kv_heads = 0, head_dim = 0;
  std::size_t seen = 0;   // tokens that attention sees: the context, or a window of it
  std::size_t width = 0;  // of the gated network; 0: none
  std::size_t experts = 0, top_k = 0, expert_width = 0;

  std::size_t q_width() const { return query_heads * head_dim; }
  std::size_t k_width() const { return kv_heads * head_dim; }
};

struct DecodeShape {
  Format weights = Format::bf16;  // of every matrix: bf16, int8 or int4
  std::size_t hidden = 0, vocabulary = 0;
  std::size_t sequences = 1;
  std::size_t context = 1;  // place of the new token is context - 1
  std::vector<LayerShape> layers;
  std::size_t rank = 0, ranks = 1;  // this is the slice of one of several

  std::size_t first_token() const { return rank * vocabulary; }
};

// What rank `rank` of `ranks` has: heads, widths and vocabulary split evenly, routers whole.
DecodeShape slice(const DecodeShape& whole, std::size_t rank, std::size_t ranks);
// Why that cannot be done, or why no step of this shape can be run; empty if it can.
std::string unsliceable(const DecodeShape& whole, std::size_t ranks);

// The matrices of a layer, in this order, as far as it has them; the experts' come last, two each.
enum class Role { qkv, output, gate_up, down, router, expert_gate_up, expert_down, head };

// Of a rank's slice. Rows of gate_up: all gates, then all ups.
Shape matrix_shape(const DecodeShape& shape, const LayerShape& layer, Role role);
// The row (column) of the whole model's matrix that a slice's row (column) is.
std::size_t whole_row(const DecodeShape& shape, const LayerShape& layer, Role role,
                      std::size_t row);
std::size_t whole_col(const DecodeShape& shape, Role role, std::size_t col, std::size_t cols);

}  // namespace limen::kernels
