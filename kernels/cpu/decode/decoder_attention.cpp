// Grouped-query attention of a layer.
#include "kernels/cpu/decode/decoder.hpp"

#include "kernels/cpu/decode/pointwise.hpp"

namespace limen::kernels {

void Decoder::grouped(std::size_t m, std::size_t l) {
  const LayerShape& layer = shape_.layers[l];
  AttentionPlan& plan = caches_.plan(l);
  const std::size_t width = layer.projected(), heads = layer.query_heads + layer.kv_heads;
  stage(m, Op::rest, [&] {
    const auto mine = share_of(shape_.sequences * heads, m);
    for (std::size_t i = mine.first; i < mine.first + mine.rows; ++i)
      rotate(&qkv_[i / heads * width + i % heads * layer.head_dim], layer.head_dim, cosine_.data(),
             sine_.data());
  });
  stage(m, Op::attention, [&] {
    caches_.append(l, m, qkv_.data() + layer.q_width(), width);
    plan.attend(m, caches_.memory(l, m), qkv_.data(), width);
  });
  stage(m, Op::attention, [&] { plan.merge(m, attended_.data(), layer.q_width()); });
}

}  // namespace limen::kernels
