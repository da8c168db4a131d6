#include <fmt/format.h>

#include "kernels/cuda/decoder.hpp"
#include "kernels/cuda/decoder_weights.hpp"
#include "kernels/cuda/verify.hpp"

namespace limen::gpu {

using kernels::DecodeShape, kernels::LayerShape;

std::vector<DecodeShape> shapes_to_verify(kernels::Format weights, std::size_t ranks) {
  const std::size_t n = ranks <= 2 ? 1 : ranks;
  const LayerShape dense{.query_heads = 6 * n, .kv_heads = 2 * n, .head_dim = 64, .width = 144 * n};
  LayerShape windowed{.query_heads = 2 * n, .kv_heads = 2 * n, .head_dim = 128, .width = 144 * n};
  windowed.window = 40;
  LayerShape experts{.query_heads = 2 * n, .kv_heads = 2 * n, .head_dim = 128};
  experts.experts = 5;
  experts.top_k = 2;
  experts.expert_width = 80 * n;
  LayerShape shared{.query_heads = 18 * n, .kv_heads = 2 * n, .head_dim = 64, .width = 80 * n};
  shared.window = 40;  // 30 of which are seen
  shared.chunked = true;
  shared.experts = 6;
  shared.top_k = 3;
  shared.expert_width = 80 * n;
  shared.sigmoid = true;
  // Rows have the one length that kernels are built for.
  LayerShape latent{.query_heads = 2 * n, .width = 144 * n};
  latent.latent = {
      .query_rank = 40, .rank = latent_rank, .nope = 24, .rope = latent_rope, .value_dim = 24};
  LayerShape at_once = experts;  // queries of more heads than a block takes, not from latent ones
  at_once.query_heads = 10 * n;
  at_once.latent = latent.latent;
  at_once.latent.query_rank = 0;
  at_once.latent.value_dim = 8;
  LayerShape few = latent, all = latent;  // tokens that are selected
  few.latent.index_heads = all.latent.index_heads = 3;
  few.latent.index_dim = all.latent.index_dim = index_dim;
  few.latent.index_top = 6;  // in one sequence the new one itself, for its index key is rotated
  all.latent.index_top = 60;
  return {{weights, 136, 66 * n, 1, 70, {dense, dense}},
          {weights, 136, 66 * n, 3, 70, {windowed, experts}},
          {weights, 136, 66 * n, 9, 70, {shared}},
          {weights, 136, 66 * n, 1, 38, {latent}},
          {weights, 136, 66 * n, 2, 21, {at_once}},
          {weights, 136, 66 * n, 2, 23, {few, all}}};
}

std::string verify_decoder(const DeviceRanks& ranks, const DecodeShape& whole, ExchangeBy by) {
  Decoder decoder(ranks, whole, Decoder::Fill::numbers, 1, by);
  auto tokens = kernels::tokens_to_verify(whole);
  decoder.step(tokens);
  // The input of every product is rounded to bf16: some percent of the logits' spread in the end.
  constexpr double tolerance = 0.12;
  std::string wrong;
  for (std::size_t i = 0; i < ranks.devices.size() && wrong.empty(); ++i)
    wrong = kernels::wrong_step(whole, ranks.first + i, ranks.ranks,
                                decoder.logits(ranks.first + i), tokens, tolerance);
  decoder.close();
  return wrong;
}

std::string verify_products(const DeviceRanks& ranks, kernels::Format weights) {
  std::string wrong;
  for (const Device* d : ranks.devices)
    if (wrong.empty() && d->backend().tensor_cores(d->number()))
      wrong = verify_gemm(*d, format_of(weights), true, 1);
  return ranks.others != nullptr ? ranks.others->agree(wrong) : wrong;
}

std::string verify_decode(const DeviceRanks& ranks, kernels::Format weights, ExchangeBy by) {
  for (const DecodeShape& shape : shapes_to_verify(weights, ranks.ranks)) {
    auto wrong = verify_decoder(ranks, shape, by);
    if (ranks.others != nullptr) wrong = ranks.others->agree(wrong);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace limen::gpu
