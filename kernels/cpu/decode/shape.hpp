// The shape of a decode step: of a whole model, or of what one tensor-parallel rank has of it.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "kernels/cpu/matrix.hpp"

namespace limen::kernels {

// Latent attention (MLA) in its absorbed form. A token leaves rank + rope elements in the cache,
// shared by all heads. Queries, down to query_rank and up again, have nope + rope elements a head;
// the first are taken into the latent space by a matrix of the head, and what was attended to comes
// out of it by another, with value_dim elements.
struct LatentShape {
  std::size_t query_rank = 0;  // 0: queries are projected at once
  std::size_t rank = 0;        // 0: attention is not latent
  std::size_t nope = 0, rope = 0, value_dim = 0;
  // An indexer lets the tokens of the index_top largest scores be seen; 0: all.
  std::size_t index_heads = 0, index_dim = 0, index_top = 0;

  std::size_t key_dim() const { return rank + rope; }
};

// Attention, then a network, or routed experts, or both (a shared expert).
struct LayerShape {
  std::size_t query_heads = 0, kv_heads = 0, head_dim = 0;
  std::size_t window = 0;  // tokens that are seen at most; 0: all
  std::size_t width = 0;   // of the network; 0: none
  std::size_t experts = 0, top_k = 0, expert_width = 0;
  bool chunked = false;  // the window is a chunk that begins anew, not one that slides
  bool gated = true;     // the network is; experts always are
  bool sigmoid = false;  // experts are weighed by sigmoids, not by a softmax
  // Experts in memory, each of which stands for as many others; 0: all are.
  std::size_t held = 0;
  std::size_t kv_shared = 1;  // ranks that hold the same KV head
  LatentShape latent{};

  bool is_latent() const { return latent.rank > 0; }
  std::size_t q_width() const { return query_heads * head_dim; }
  std::size_t k_width() const { return kv_heads * head_dim; }
  std::size_t experts_held() const { return held > 0 ? held : experts; }
  // Of a token: what the first projection leaves of it (the whole queries, keys and values; or the
  // latent ones, index key and weights), and what goes into the output matrix.
  std::size_t projected() const;
  std::size_t out_width() const;
};

struct DecodeShape {
  Format weights = Format::bf16;  // of every matrix: bf16, int8 or int4
  std::size_t hidden = 0, vocabulary = 0;
  std::size_t sequences = 1;
  std::size_t context = 1;  // place of the new token is context - 1
  std::vector<LayerShape> layers;
  std::size_t rank = 0, ranks = 1;  // this is the slice of one of several

  std::size_t first_token() const { return rank * vocabulary; }
  // Tokens that a layer keeps, its last ones; and those of them that it attends to.
  std::size_t kept(const LayerShape& layer) const;
  std::size_t seen(const LayerShape& layer) const;
};

// What rank `rank` of `ranks` has: heads, widths and vocabulary split evenly; routers, and what
// makes the latent cache and its index, whole. A KV head may be held by several ranks.
DecodeShape slice(const DecodeShape& whole, std::size_t rank, std::size_t ranks);
// Why that cannot be done, or why no step of this shape can be run; empty if it can.
std::string unsliceable(const DecodeShape& whole, std::size_t ranks);

// The matrices of a layer, in the order of the step, which is that of memory; then the head. The
// first projection is qkv, or down to the latent space.
enum class Role {
  qkv,
  query_up,
  index_query,
  absorb_key,  // one a head, as absorb_value
  absorb_value,
  output,
  gate_up,
  down,
  router,
  expert_gate_up,  // one an expert, as expert_down
  expert_down,
  head
};
inline constexpr std::size_t layer_roles = static_cast<std::size_t>(Role::head);

// How many matrices of this role a layer has.
std::size_t count_of(const LayerShape& layer, Role role);
// Of a rank's slice, of each of them. Rows of gate_up: all gates, then all ups.
Shape matrix_shape(const DecodeShape& shape, const LayerShape& layer, Role role);
// Bytes of all matrices of a slice.
double weight_bytes(const DecodeShape& shape);

// Of the whole model, the row (column, number among its role's) that a slice's is.
std::size_t whole_row(const DecodeShape& shape, const LayerShape& layer, Role role,
                      std::size_t row);
std::size_t whole_col(const DecodeShape& shape, Role role, std::size_t col, std::size_t cols);
std::size_t whole_index(const DecodeShape& shape, const LayerShape& layer, Role role,
                        std::size_t index);
// Likewise the KV head of a slice.
std::size_t whole_kv_head(const DecodeShape& shape, const LayerShape& layer, std::size_t head);

// Where each matrix of a slice is in the order of all.
class MatrixOrder {
 public:
  struct Entry {
    std::size_t layer;
    Role role;
    std::size_t index;
  };
  explicit MatrixOrder(const DecodeShape& shape);

  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t at(std::size_t layer, Role role, std::size_t index = 0) const {
    return first_[layer][static_cast<std::size_t>(role)] + index * stride(role);
  }
  std::size_t head() const { return entries_.size() - 1; }

 private:
  // An expert's two matrices are neighbours.
  static std::size_t stride(Role role) {
    return role == Role::expert_gate_up || role == Role::expert_down ? 2 : 1;
  }
  std::vector<Entry> entries_;
  std::vector<std::array<std::size_t, layer_roles>> first_;
};

}  // namespace limen::kernels
