#include "model/demand.hpp"

#include <gtest/gtest.h>

#include "model/cards/model_card.hpp"
#include "tests/model/tiny.hpp"

namespace limen::model {
namespace {

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

// Of 4 query heads on 2 KV heads over 3 ranks, one KV head has two ranks and the other one.
TEST(Demand, HeadsAreSplitWholeAndTheBusiestRankCounts) {
  auto heads = [](std::int64_t query, std::int64_t kv, int tp) {
    const Heads h = heads_of_rank({.query_heads = query, .kv_heads = kv}, tp);
    return std::pair(h.query, h.kv);
  };
  EXPECT_EQ(heads(128, 8, 1), std::pair(128.0, 8.0));
  EXPECT_EQ(heads(128, 8, 3), std::pair(48.0, 3.0));  // 3, 3 and 2 KV heads
  EXPECT_EQ(heads(128, 8, 8), std::pair(16.0, 1.0));
  EXPECT_EQ(heads(128, 8, 12), std::pair(16.0, 1.0));  // four of the 8 have a rank alone
  EXPECT_EQ(heads(128, 8, 16), std::pair(8.0, 1.0));
  EXPECT_EQ(heads(128, 8, 256), std::pair(1.0, 1.0));  // 128 ranks are idle
  EXPECT_EQ(heads(96, 96, 7), std::pair(14.0, 14.0));
  const Workload w{1, 1000, Format::bf16, Format::bf16};
  const Demand three = demand<double>(tiny(), w, {.tp = 3}),
               two = demand<double>(tiny(), w, {.tp = 2});
  EXPECT_DOUBLE_EQ(read(three, Part::attention), read(two, Part::attention));
  EXPECT_DOUBLE_EQ(computed(three, Part::attention), computed(two, Part::attention));
  // The network and the head are split three ways, attention as two ways.
  EXPECT_DOUBLE_EQ(three.part(Part::linear).weights, 2 * (128 + 64) / 2.0 + (2 * 384 + 80) / 3.0);
  EXPECT_EQ(three.kv_per_sequence.in(bytes), two.kv_per_sequence.in(bytes));
}

// 4 experts of which a token takes 2, on 2 ranks: a given rank is spared with probability
// (2/4) (1/3), so that a token goes to 2 (1 - 1/6) ranks.
TEST(Demand, ExpertsOfAttentionReplicasExchangeTokens) {
  EXPECT_DOUBLE_EQ(bins_hit(4, 2, 2), 5 / 3.0);
  EXPECT_DOUBLE_EQ(bins_hit(8, 8, 4), 4);
  EXPECT_DOUBLE_EQ(bins_hit(256, 8, 256), 8);
  Transformer t = tiny();
  t.feed_forward[0] = {.layers = 2, .experts = 4, .top_k = 2, .expert_width = 6};
  const Workload w{8, 5, Format::bf16, Format::bf16};
  auto bytes_of = [](const Demand& d, Exchange kind, int ranks) {
    double sum = 0;
    for (int i = 0; i < d.exchange_count; ++i) {
      const auto& e = d.exchanges[std::size_t(i)];
      if (e.kind == kind && e.ranks == ranks) sum += e.count * e.bytes.in(bytes);
    }
    return sum;
  };
  // 4 tokens a replica, 16 bytes each, there and back, in 2 layers.
  const Demand replicas = demand<double>(t, w, {.ep = 2, .dp = 2});
  EXPECT_EQ(replicas.exchange_count, 1);
  EXPECT_DOUBLE_EQ(bytes_of(replicas, Exchange::all_to_all, 2), 2 * 2 * 4 * 16 * 5 / 3.0);
  // With tp = 2 each expert is on two ranks: half of the tokens a rank, twice the copies; then the
  // tokens are gathered. Attention and the tables are reduced as ever.
  const Demand split = demand<double>(t, w, {.tp = 2, .ep = 2, .dp = 2});
  EXPECT_DOUBLE_EQ(bytes_of(split, Exchange::all_to_all, 4), 2 * 2 * 4 * 16 * 5 / 3.0);
  EXPECT_DOUBLE_EQ(bytes_of(split, Exchange::all_gather, 2), 2 * 4 * 16);
  EXPECT_DOUBLE_EQ(bytes_of(split, Exchange::all_reduce, 2), (2 + 2) * 4 * 16);
  // Shared experts leave partial sums, which are added up on the way.
  t.feed_forward[0].width = 6;
  const Demand shared = demand<double>(t, w, {.tp = 2, .ep = 2, .dp = 2});
  EXPECT_DOUBLE_EQ(bytes_of(shared, Exchange::all_gather, 2), 0);
  EXPECT_DOUBLE_EQ(bytes_of(shared, Exchange::all_reduce, 2), (2 + 2 + 2) * 4 * 16);
  // Experts split over all ranks: everybody's tokens, gathered and scattered.
  const Demand gathered = demand<double>(t, w, {.tp = 2, .ep = 1, .dp = 2});
  EXPECT_DOUBLE_EQ(bytes_of(gathered, Exchange::all_gather, 4), 2 * 8 * 16);
  EXPECT_DOUBLE_EQ(bytes_of(gathered, Exchange::reduce_scatter, 4), 2 * 8 * 16);
  EXPECT_EQ(demand<double>(t, w, {.tp = 2, .pp = 2, .ep = 1, .dp = 2}).exchange_count, 5);
}

TEST(Demand, AnIndexerIsOnEveryRank) {
  const Transformer t = cards::find_model("glm-5");
  const AttentionLayers& a = t.attention[0];
  const Workload w{1, 100000, Format::bf16, Format::bf16};
  const double one = computed(demand<double>(t, w, {}), Part::attention),
               eight = computed(demand<double>(t, w, {.tp = 8}), Part::attention);
  const double indexer = 2.0 * 100000 * double(a.layers * a.index_heads * a.index_dim);
  EXPECT_DOUBLE_EQ(eight - indexer, (one - indexer) / 8);
}

TEST(Demand, PipelineStagesHoldTheirLayersAndTheCachesOfAllInFlight) {
  const Workload w{1, 1000, Format::bf16, Format::bf16};
  const Demand one = demand<double>(tiny(), w, {}), two = demand<double>(tiny(), w, {.pp = 2});
  ASSERT_EQ(two.exchange_count, 2);  // the activations on, the token back
  EXPECT_EQ(two.exchanges[0].kind, Exchange::hop);
  EXPECT_DOUBLE_EQ(two.exchanges[0].bytes.in(bytes), 8 * 2);
  EXPECT_DOUBLE_EQ(two.exchanges[1].bytes.in(bytes), 4);
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
