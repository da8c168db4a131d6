// Latent attention and its indexer as operations: how their kernels are launched (latent.cuh,
// index.cuh).
#pragma once

#include "kernels/cuda/operations.hpp"

namespace limen::gpu {

// Over rows of latent_rank + latent_rope elements; of the `kept` ones of a sequence `seen` are.
struct LatentAttention {
  unsigned sequences = 1, heads = 1, kept = 1, seen = 1;

  std::size_t slots() const { return std::size_t{heads} * sequences; }
};
struct LatentArguments {
  const float *absorbed = nullptr, *rotated = nullptr;  // [head][sequence][latent_rank], [_rope]
  const std::uint16_t* rows = nullptr;                  // [sequence][kept][latent_rank + _rope]
  const U32* selected = nullptr;     // [sequence][seen], or null: the first ones are seen
  float* partial = nullptr;          // latent_partial() floats
  std::uint16_t* rounded = nullptr;  // the result, [head][sequence][latent_rank] in bf16
};
// Blocks that share the rows of a sequence: as many as keep the device busy.
unsigned latent_shares(const Device& device, const LatentAttention& shape);
std::size_t latent_partial(const LatentAttention& shape, unsigned shares);
void latent_attention(const Device& device, const LatentAttention& shape,
                      const LatentArguments& arguments, unsigned shares, float scale);

// Of `context` tokens of a sequence the `top` ones, over index keys of index_dim elements.
struct Index {
  unsigned sequences = 1, heads = 1, context = 1, top = 1;

  unsigned selected() const { return context < top ? context : top; }
};
struct IndexArguments {
  const std::uint16_t *keys = nullptr, *queries = nullptr;  // [sequence][token], [sequence][head]
  const float* weights = nullptr;                           // [sequence] rows of `stride`
  unsigned stride = 0;
  float* scores = nullptr;  // [sequence][context]
  U32* selected = nullptr;  // [sequence][selected()], in the order of the tokens
};
void index(const Device& device, const Index& shape, const IndexArguments& arguments);

}  // namespace limen::gpu
