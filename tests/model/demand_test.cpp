#include "model/demand.hpp"

#include <gtest/gtest.h>

#include "model/cards/model_card.hpp"

namespace limen::model {
namespace {

// Small enough to add up by hand: 2 layers, hidden 8, 4 query heads and 2 KV heads of 2, network
// 16, vocabulary 10.
Transformer tiny() {
  Transformer t;
  t.layers = 2;
  t.hidden = 8;
  t.query_heads = 4;
  t.kv_heads = 2;
  t.head_dim = 2;
  t.ffn = 16;
  t.vocabulary = 10;
  return t;
}

TEST(Demand, OfATinyModelByHand) {
  const Workload w{3, 5, Format::bf16, Format::bf16};
  const Demand d = demand<double>(tiny(), w, {});
  // A layer: qkv 8 x (8 + 4 + 4) = 128, output 64, gate and up 256, down 128: 576. Twice, and the
  // head: 80.
  EXPECT_DOUBLE_EQ(d.weights, 2 * 576 + 80);
  EXPECT_DOUBLE_EQ(d.linear.read.in(bytes), 2 * (2 * 576 + 80));
  EXPECT_DOUBLE_EQ(d.linear.flops.in(flops), 2.0 * (2 * 576 + 80) * 3);
  // KV: 2 x 4 elements a token and layer, 2 bytes each, 2 layers, 3 sequences: 5 tokens read, 1
  // written.
  EXPECT_DOUBLE_EQ(d.attention.read.in(bytes), 5 * 8 * 2 * 2 * 3);
  EXPECT_DOUBLE_EQ(d.attention.written.in(bytes), 1 * 8 * 2 * 2 * 3);
  // Scores and weighted sums: 2 x 2 FLOPs an element of a query head, 5 tokens, 2 layers, 3
  // sequences.
  EXPECT_DOUBLE_EQ(d.attention.flops.in(flops), 4.0 * 8 * 5 * 2 * 3);
  EXPECT_DOUBLE_EQ(d.operators, 2 * 5 + 1);
  EXPECT_DOUBLE_EQ(d.all_reduces, 0);
  EXPECT_DOUBLE_EQ(d.kv_per_sequence.in(bytes), 6 * 8 * 2 * 2);
  EXPECT_DOUBLE_EQ(d.weights_held.in(bytes), 2 * (2 * 576 + 2 * 80));
}

TEST(Demand, GroupedQueriesShareTheCache) {
  Transformer grouped = tiny(), full = tiny();
  full.kv_heads = 4;
  const Workload w{1, 1000, Format::bf16, Format::bf16};
  const double ratio =
      demand<double>(full, w, {}).attention.read / demand<double>(grouped, w, {}).attention.read;
  EXPECT_DOUBLE_EQ(ratio, 2);
}

TEST(Demand, TensorParallelRanksShareTheWorkAndReplicateHeadsWhenTheyOutnumberThem) {
  const Workload w{1, 1000, Format::bf16, Format::bf16};
  const Demand one = demand<double>(tiny(), w, {}),
               four = demand<double>(tiny(), w, {.tp = 4, .pp = 1});
  EXPECT_DOUBLE_EQ(one.linear.read / four.linear.read, 4);
  EXPECT_DOUBLE_EQ(one.attention.read / four.attention.read, 2);  // two KV heads
  EXPECT_DOUBLE_EQ(four.all_reduces, 2 * 2 + 2);
  EXPECT_DOUBLE_EQ(four.message.in(bytes), 8 * 2);
}

TEST(Demand, PipelineStagesHoldTheirLayersAndTheCachesOfAllInFlight) {
  const Workload w{1, 1000, Format::bf16, Format::bf16};
  const Demand one = demand<double>(tiny(), w, {}),
               two = demand<double>(tiny(), w, {.tp = 1, .pp = 2});
  EXPECT_DOUBLE_EQ(two.hops, 1);
  EXPECT_DOUBLE_EQ(two.linear.read.in(bytes),
                   one.linear.read.in(bytes));  // a token passes all stages
  EXPECT_DOUBLE_EQ(two.weights_held.in(bytes), 2 * (576 + 80));
  EXPECT_DOUBLE_EQ(two.kv_per_sequence.in(bytes), one.kv_per_sequence.in(bytes));
}

TEST(Demand, PublishedParameterCounts) {
  EXPECT_NEAR(cards::find_model("llama-3.1-8b").parameters(), 8.03e9, 0.005e9);
  EXPECT_NEAR(cards::find_model("llama-3.1-70b").parameters(), 70.55e9, 0.01e9);
  EXPECT_NEAR(cards::find_model("llama-3.1-405b").parameters(), 405.9e9, 0.1e9);
}

TEST(Demand, ScaledWeightsCountTheirScales) {
  EXPECT_DOUBLE_EQ(weight_bytes(Format::int4), 0.5 + 2.0 / 128);
  EXPECT_DOUBLE_EQ(weight_bytes(Format::bf16), 2);
}

}  // namespace
}  // namespace limen::model
