#include "model/demand.hpp"

#include <gtest/gtest.h>

#include "model/cards/model_card.hpp"

namespace limen::model {
namespace {

// Small enough to add up by hand: 2 layers, hidden 8, 4 query heads and 2 KV heads of 2, network
// 16, vocabulary 10.
Transformer tiny() {
  Transformer t;
  t.hidden = 8;
  t.vocabulary = 10;
  t.attention[0] = {.layers = 2, .query_heads = 4, .kv_heads = 2, .head_dim = 2};
  t.feed_forward[0] = {.layers = 2, .width = 16};
  return t;
}

double read(const Demand& d, Part p) { return d.part(p).work.read.in(bytes); }
double written(const Demand& d, Part p) { return d.part(p).work.written.in(bytes); }
double computed(const Demand& d, Part p) { return d.part(p).work.flops.in(flops); }

TEST(Demand, OfATinyModelByHand) {
  const Workload w{3, 5, Format::bf16, Format::bf16};
  const Demand d = demand<double>(tiny(), w, {});
  // A layer: qkv 8 x (8 + 4 + 4) = 128, output 64, gate and up 256, down 128: 576. Twice, and the
  // head: 80.
  EXPECT_DOUBLE_EQ(d.part(Part::linear).weights, 2 * 576 + 80);
  EXPECT_DOUBLE_EQ(read(d, Part::linear), 2 * (2 * 576 + 80));
  EXPECT_DOUBLE_EQ(computed(d, Part::linear), 2.0 * (2 * 576 + 80) * 3);
  // KV: 2 x 4 elements a token and layer, 2 bytes each, 2 layers, 3 sequences: 5 tokens read, 1
  // written.
  EXPECT_DOUBLE_EQ(read(d, Part::attention), 5 * 8 * 2 * 2 * 3);
  EXPECT_DOUBLE_EQ(written(d, Part::attention), 1 * 8 * 2 * 2 * 3);
  // Scores and weighted sums: 2 x 2 FLOPs an element of a query head, 5 tokens, 2 layers, 3
  // sequences.
  EXPECT_DOUBLE_EQ(computed(d, Part::attention), 4.0 * 8 * 5 * 2 * 3);
  EXPECT_DOUBLE_EQ(d.part(Part::linear).operators, 2 * 4 + 1);
  EXPECT_DOUBLE_EQ(d.part(Part::attention).operators, 2);
  EXPECT_EQ(d.exchange_count, 0);
  EXPECT_DOUBLE_EQ(d.kv_per_sequence.in(bytes), 5 * 8 * 2 * 2);
  EXPECT_DOUBLE_EQ(d.weights_held.in(bytes), 2 * (2 * 576 + 2 * 80));
}

TEST(Demand, GroupedQueriesShareTheCache) {
  Transformer full = tiny();
  full.attention[0].kv_heads = 4;
  const Workload w{1, 1000, Format::bf16, Format::bf16};
  EXPECT_DOUBLE_EQ(read(demand<double>(full, w, {}), Part::attention) /
                       read(demand<double>(tiny(), w, {}), Part::attention),
                   2);
}

TEST(Demand, TensorParallelRanksShareTheWorkAndReplicateHeadsWhenTheyOutnumberThem) {
  const Workload w{1, 1000, Format::bf16, Format::bf16};
  const Demand one = demand<double>(tiny(), w, {}), two = demand<double>(tiny(), w, {.tp = 2}),
               four = demand<double>(tiny(), w, {.tp = 4});
  EXPECT_DOUBLE_EQ(read(one, Part::linear) / read(two, Part::linear), 2);
  EXPECT_DOUBLE_EQ(read(one, Part::attention) / read(two, Part::attention), 2);
  EXPECT_DOUBLE_EQ(read(one, Part::attention) / read(four, Part::attention), 2);  // two KV heads
  // Beyond one KV head a rank the projections to keys and values are replicated as well: 8 x 4 x 2
  // / 2 of 128 / 4.
  EXPECT_DOUBLE_EQ(four.part(Part::linear).weights, (2 * 576 + 80) / 4.0 + 2 * (32 - 16));
  ASSERT_EQ(four.exchange_count, 1);
  EXPECT_EQ(four.exchanges[0].kind, Exchange::all_reduce);
  EXPECT_DOUBLE_EQ(four.exchanges[0].count, 2 * 2 + 2);
  EXPECT_DOUBLE_EQ(four.exchanges[0].bytes.in(bytes), 8 * 2);
}

TEST(Demand, PipelineStagesHoldTheirLayersAndTheCachesOfAllInFlight) {
  const Workload w{1, 1000, Format::bf16, Format::bf16};
  const Demand one = demand<double>(tiny(), w, {}), two = demand<double>(tiny(), w, {.pp = 2});
  ASSERT_EQ(two.exchange_count, 1);
  EXPECT_EQ(two.exchanges[0].kind, Exchange::hop);
  EXPECT_DOUBLE_EQ(read(two, Part::linear), read(one, Part::linear));  // a token passes all stages
  EXPECT_DOUBLE_EQ(two.weights_held.in(bytes), 2 * (576 + 80));
  EXPECT_DOUBLE_EQ(two.kv_per_sequence.in(bytes), one.kv_per_sequence.in(bytes));
}

TEST(Demand, WindowsAndChunksLimitWhatIsReadAndHeld) {
  Transformer t = tiny();
  t.attention[1] = t.attention[0];
  t.attention[0].layers = t.attention[1].layers = 1;
  t.attention[1].window = 100;
  auto attended = [&](double context) {
    return read(demand<double>(t, Workload{1, context, Format::bf16, Format::bf16}, {}),
                Part::attention) /
           (8 * 2);
  };
  EXPECT_DOUBLE_EQ(attended(50), 50 + 50);
  EXPECT_DOUBLE_EQ(attended(1000), 1000 + 100);
  t.attention[1].chunked = true;
  EXPECT_DOUBLE_EQ(attended(100), 100 + 100);
  EXPECT_DOUBLE_EQ(attended(101), 101 + 1);
  EXPECT_DOUBLE_EQ(attended(250), 250 + 50);
}

TEST(Demand, ALatentCacheIsSharedByAllHeadsAndReplicatedOverRanks) {
  const Transformer t = cards::find_model("deepseek-v3");
  const Workload w{1, 1000, Format::fp8, Format::fp8};
  EXPECT_DOUBLE_EQ(read(demand<double>(t, w, {}), Part::attention), 1000.0 * 61 * 576);
  EXPECT_DOUBLE_EQ(read(demand<double>(t, w, {.tp = 8}), Part::attention), 1000.0 * 61 * 576);
  EXPECT_DOUBLE_EQ(
      read(demand<double>(t, {8, 1000, Format::fp8, Format::fp8}, {.dp = 8}), Part::attention),
      1000.0 * 61 * 576);
}

TEST(Demand, DraftedTokensShareWeightsAndCache) {
  const Workload one{2, 100, Format::bf16, Format::bf16};
  Workload four = one;
  four.tokens = 4;
  const Demand a = demand<double>(tiny(), one, {}), b = demand<double>(tiny(), four, {});
  EXPECT_DOUBLE_EQ(read(a, Part::linear), read(b, Part::linear));
  EXPECT_DOUBLE_EQ(computed(b, Part::linear), 4 * computed(a, Part::linear));
  EXPECT_DOUBLE_EQ(read(b, Part::attention) / read(a, Part::attention), 103.0 / 100);
  EXPECT_DOUBLE_EQ(computed(b, Part::attention) / computed(a, Part::attention),
                   (100 + 101 + 102 + 103) / 100.0);
}

}  // namespace
}  // namespace limen::model
