// What a decode step is scaled out to, and the memory that it takes.
#include <gtest/gtest.h>

#include "probes/decode.hpp"

namespace limen::probes {
namespace {

using kernels::Op, kernels::OpSeconds;

TEST(Decode, EachBlockIsScaledOutByWhatItStandsFor) {
  std::vector<OpSeconds> blocks(5);
  const auto put = [&](std::size_t block, Op op, double seconds) {
    blocks[block][static_cast<std::size_t>(op)] = seconds;
  };
  put(0, Op::attention, 1);  // of layer 0, a window
  put(1, Op::down, 10);      // dense
  put(2, Op::attention, 100);
  put(3, Op::experts, 1000);
  for (std::size_t b = 0; b < 5; ++b) put(b, Op::exchange, 1);
  put(4, Op::head, 10000);
  const OpSeconds all = scaled_out(blocks, {{5, 3}, {1, 7}});
  const auto of = [&](Op op) { return all[static_cast<std::size_t>(op)]; };
  EXPECT_DOUBLE_EQ(of(Op::attention), 5 * 1 + 1 * 100);
  EXPECT_DOUBLE_EQ(of(Op::down), 3 * 10);
  EXPECT_DOUBLE_EQ(of(Op::experts), 7 * 1000);
  EXPECT_DOUBLE_EQ(of(Op::exchange), 5 + 3 + 1 + 7 + 1);
  EXPECT_DOUBLE_EQ(of(Op::head), 10000);
}

TEST(Decode, CountsTheMemoryOfEveryKindOfCache) {
  DecodeOrder order;
  order.shape.weights = kernels::Format::bf16;
  order.shape.hidden = 64;
  order.shape.vocabulary = 100;
  const double head = 2.0 * 64 * 100;
  order.points = {{2, 1000}, {4, 300}};
  kernels::LayerShape layer{.query_heads = 4, .kv_heads = 2, .head_dim = 32};
  const double grouped = 2.0 * 64 * (4 * 32 + 2 * 2 * 32 + 4 * 32);
  const auto bytes = [&](const kernels::LayerShape& l) {
    order.shape.layers = {l};
    return decode_bytes(order, 1);
  };
  EXPECT_DOUBLE_EQ(bytes(layer), head + grouped + 2 * 1000 * 2 * 64 * 2);
  layer.window = 200;
  EXPECT_DOUBLE_EQ(bytes(layer), head + grouped + 4 * 200 * 2 * 64 * 2);
  layer = {.query_heads = 4};
  layer.latent = {.query_rank = 32, .rank = 48, .nope = 16, .rope = 16, .value_dim = 16};
  const double down = 64 * (32 + 48 + 16), up = 32 * 4 * 32, absorbed = 4 * 48 * (16 + 16),
               out = 64 * 4 * 16;
  EXPECT_DOUBLE_EQ(bytes(layer), head + 2 * (down + up + absorbed + out) + 2 * 1000 * 64 * 2);
  layer = {.query_heads = 4, .kv_heads = 2, .head_dim = 32};
  layer.experts = 8;
  layer.expert_width = 16;
  const double whole = bytes(layer);
  layer.held = 3;
  EXPECT_DOUBLE_EQ(whole - bytes(layer), 5 * 2.0 * 3 * 64 * 16);
}

}  // namespace
}  // namespace limen::probes
