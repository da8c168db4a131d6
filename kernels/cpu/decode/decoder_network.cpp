// The network of a layer: dense, or routed experts.
#include "kernels/cpu/decode/decoder.hpp"

#include <algorithm>

#include "kernels/cpu/decode/pointwise.hpp"

namespace limen::kernels {

void Decoder::dense(std::size_t m, std::size_t l) {
  const std::size_t width = shape_.layers[l].width;
  const bool gated = shape_.layers[l].gated;
  stage(m, Op::gate_up, [&] { product(m, order_.at(l, Role::gate_up), normed_, gate_up_); });
  stage(m, Op::rest, [&] {
    const auto mine = share_of(width, m);
    for (std::size_t t = 0; t < shape_.sequences; ++t) {
      const float* gates = &gate_up_[t * (gated ? 2 : 1) * width] + mine.first;
      gate(gates, gated ? gates + width : nullptr, mine.rows, &gated_[t * width] + mine.first);
    }
  });
  stage(m, Op::down, [&] { product(m, order_.at(l, Role::down), gated_, out_); });
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
  const auto tokens = tokens_of(m);
  const auto pairs = share_of(shape_.sequences * k, m);
  stage(m, Op::router, [&] { product(m, order_.at(l, Role::router), normed_, scores_); });
  stage(m, Op::rest, [&] {
    for (std::size_t t = tokens.first; t < tokens.first + tokens.rows; ++t)
      choose(&scores_[t * layer.experts], layer.experts, k, &routed_.chosen[t * k],
             &routed_.weight[t * k], layer.sigmoid);
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
        const Matrix& w = weights_[order_.at(l, role, e % layer.experts_held())];
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

}  // namespace limen::kernels
