// Inside of the decoder: what a rank has, and how large its arrays are.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "kernels/cuda/decoder.hpp"
#include "kernels/cuda/decoder_weights.hpp"

namespace limen::gpu {

using kernels::DecodeShape, kernels::LayerShape, kernels::Op, kernels::Role;

static_assert(most_sequences <= tensor_most);  // an expert has a token once

inline constexpr Role dense_roles[] = {Role::qkv,        Role::query_up,     Role::index_query,
                                       Role::absorb_key, Role::absorb_value, Role::output,
                                       Role::gate_up,    Role::down,         Role::router};

inline constexpr float norm_epsilon = 1e-6f;
// Why no latent layer of this shape can be run on GPUs; empty if it can.
std::string latent_not_for_gpus(const kernels::LatentShape& shape, std::size_t context);

inline std::uint16_t* halves(const Memory<Words>& words) {
  return reinterpret_cast<std::uint16_t*>(words.data());
}
inline unsigned u(std::size_t n) { return static_cast<unsigned>(n); }
// Accesses of a row of x, bf16: whole accesses of weights in every format.
inline unsigned x_words(std::size_t columns) { return ceiling(columns, 32) * 4; }

struct Stage {
  Op op;
  std::size_t block;  // as kernels::Decoder::times() has them
  std::function<void()> send;
};

struct Layer {
  Weights dense[kernels::layer_roles], expert_gate_up, expert_down;
  Memory<Words> attention_gain, network_gain, query_gain, latent_gain;
  Memory<std::uint16_t> keys, values;  // of latent attention: rows, and keys of the index
  Memory<U32> active;                  // experts of the last step

  const Weights& of(Role role) const { return dense[static_cast<std::size_t>(role)]; }
};

inline Attention attention_of(const DecodeShape& s, const LayerShape& layer) {
  return {Format::bf16,      u(s.sequences),
          u(layer.kv_heads), u(layer.query_heads / layer.kv_heads),
          u(s.kept(layer)),  u(layer.head_dim)};
}

// Blocks that share the logits of a sequence.
inline unsigned candidate_shares(const DecodeShape& s) {
  return std::min(32u, ceiling(s.vocabulary, 1024));
}

// Of latent attention. A slot is one sequence's among those of a head.
struct LatentArrays {
  Memory<Words> query, nope, attended;  // x of products: down, up, and of [slot]
  Memory<float> queries, absorbed, rotated, partial, values;
  Memory<float> index_queries, index_scores;
  Memory<std::uint16_t> index_rotated;
  Memory<U32> selected;
  Memory<U32> heads, first;  // all heads and their first slots, as products of experts want them
};

struct Decoder::Rank {
  const Device* device = nullptr;
  std::optional<Multiplier> multiply{};
  DecodeShape shape{};  // the slice
  std::vector<Layer> layers{};
  Weights head{};
  Memory<Words> last_gain{};
  Memory<U64> turns{};

  Memory<U32> tokens{}, next{};
  Memory<float> residual{}, qkv{}, q{}, partial{}, out{}, gate_up{}, scores{}, logits{};
  Memory<Words> normed{}, attended{}, gated{}, message{}, summed{};
  Memory<U32> chosen{}, slot{}, source{}, first{};
  Memory<float> weight{}, results{};  // of experts
  Memory<U64> candidates{};
  Memory<U32> choice{}, choices{};
  LatentArrays latent{};
  std::vector<Stage> stages{};

  std::size_t sequences() const { return shape.sequences; }
  void product(const Weights& w, const Words* x, float* y) const;
  void experts(const Weights& w, const Layer& layer, const LayerShape& s, const Words* x,
               const U32* source_of, float* y) const;
  // Of all slots, by head.
  void by_head(const Weights& w, std::size_t heads, const Words* x, float* y) const;
};

}  // namespace limen::gpu
