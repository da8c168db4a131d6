// Speculative decoding: what a step yields, and what its drafts cost.
#include "model/drafts.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/prediction.hpp"

namespace limen::model {
namespace {

constexpr Format b16 = Format::bf16;

TEST(Drafts, TokensOfAStep) {
  for (int k : {0, 1, 3, 8}) {
    for (double a : {0.0, 0.3, 0.8, 0.99}) {
      const Drafts d{.tokens = k, .acceptance = a};
      EXPECT_NEAR(d.tokens_per_step(), (1 - std::pow(a, k + 1)) / (1 - a), 1e-12);
    }
    EXPECT_EQ((Drafts{.tokens = k, .acceptance = 1}).tokens_per_step(), k + 1);
  }
}

// Hidden 8, 2 layers, 2 of 4 experts of width 3 and a shared one, vocabulary 10.
Transformer tiny() {
  Transformer t;
  t.name = "tiny";
  t.hidden = 8;
  t.vocabulary = 10;
  t.attention[0] = {.layers = 1, .query_heads = 4, .kv_heads = 2, .head_dim = 2};
  t.attention[1] = {.layers = 1, .query_heads = 4, .kv_heads = 2, .head_dim = 2, .window = 4};
  t.feed_forward[0] = {.layers = 1, .width = 16};
  t.feed_forward[1] = {.layers = 1, .width = 3, .experts = 4, .top_k = 2, .expert_width = 3};
  t.mtp_layers = 1;
  return t;
}

TEST(Drafts, AnMtpModuleByHand) {
  const Transformer m = mtp_module(tiny());
  EXPECT_EQ(m.layers(), 1);
  const Demand d = demand<double>(m, {1, 100, b16, b16}, {});
  // Merge 16 x 8, qkv 128, output 64, shared expert 72, router 32, head 80.
  EXPECT_DOUBLE_EQ(d.part(Part::linear).weights, 128 + 128 + 64 + 72 + 32 + 80);
  EXPECT_DOUBLE_EQ(d.part(Part::experts).weights, 2 * 3 * 8 * 3);
  EXPECT_DOUBLE_EQ(d.part(Part::attention).work.read.in(bytes), 100 * 8 * 2);  // sees everything
  // The head and the embedding are the model's.
  EXPECT_DOUBLE_EQ(d.weights_held.in(bytes), 2 * (128 + 128 + 64 + 72 + 32 + 4 * 72));
  EXPECT_DOUBLE_EQ(d.kv_per_sequence.in(bytes), 100 * 8 * 2);
  EXPECT_EQ(d.exchange_count, 0);
  const Demand two = demand<double>(m, {1, 100, b16, b16}, {.tp = 2});
  ASSERT_EQ(two.exchange_count, 1);
  EXPECT_EQ(two.exchanges[0].count, 1 + 2 + 2);  // merge; attention and experts; tables
}

TEST(Drafts, DeepSeeksModuleIsAsLargeAsThePublishedOne) {
  const Transformer t = cards::find_model("deepseek-v3"), mtp = mtp_module(t);
  // "11.5B unique parameters", without the embedding and head that it shares; its layer has 11.51,
  // the projection 0.10.
  EXPECT_NEAR(mtp.parameters() - mtp.merge_weights(), 11.5e9, 0.05e9);
  EXPECT_EQ(mtp.merge_weights(), 2.0 * 7168 * 7168);
  // The published files hold it with copies of both tables: 688.6 GB in all.
  const double tables = 2 * t.head_weights() * weight_bytes(t.native.head);
  EXPECT_NEAR(t.checkpoint_bytes(t.native) + mtp.checkpoint_bytes(t.native) + tables, 688.6e9,
              0.5e9);
}

Case of(const Transformer& t, Drafts d, Partition p = {}) {
  return {&t, {4, 1000, b16, b16}, p, {}, d};
}

TEST(Drafts, WithoutDraftsNothingChanges) {
  const Transformer t = cards::find_model("llama-3.1-8b");
  const Machine m = cards::find_machine("h100-8");
  const auto plain = predict(m, {&t, {4, 1000, b16, b16}, {.tp = 2}});
  const auto none = predict(m, of(t, {0, 0.7, &t, {}}, {.tp = 2}));
  EXPECT_EQ(plain.utps, none.utps);
  EXPECT_EQ(plain.utps_low, none.utps_low);
  EXPECT_EQ(plain.utps_ideal, none.utps_ideal);
  EXPECT_EQ(plain.held, none.held);
  EXPECT_EQ(none.tokens_per_step, 1);
}

TEST(Drafts, FreeDraftsPayForCheckingOnly) {
  const Transformer t = cards::find_model("llama-3.1-8b");
  const Machine m = cards::find_machine("h100-8");
  Case checked = of(t, {});
  checked.workload.tokens = 4;
  const auto check = predict(m, checked);
  const auto p = predict(m, of(t, {3, 0.5, nullptr, {}}));
  EXPECT_DOUBLE_EQ(p.tokens_per_step, 1.875);
  EXPECT_DOUBLE_EQ(p.step.total.in(seconds), check.step.total.in(seconds));
  EXPECT_DOUBLE_EQ(p.utps, 1.875 * check.utps);
  EXPECT_DOUBLE_EQ(p.utps_low, 1.875 * check.utps_low);
  EXPECT_DOUBLE_EQ(p.utps_high, 1.875 * check.utps_high);
  EXPECT_DOUBLE_EQ(p.utps_ideal, 1.875 * check.utps_ideal);
  EXPECT_DOUBLE_EQ(p.stps, 4 * p.utps);
  EXPECT_EQ(p.drafting.in(seconds), 0);
  EXPECT_EQ(p.held, check.held);
}

TEST(Drafts, ADraftModelRunsOncePerTokenAndIsHeld) {
  const Transformer big = cards::find_model("llama-3.1-70b"),
                    small = cards::find_model("llama-3.2-1b");
  const Machine m = cards::find_machine("h100-8");
  const Partition tp8{.tp = 8};
  Case check = of(big, {}, tp8);
  check.workload.tokens = 4;
  Case draft = of(small, {}, tp8);
  draft.workload.context = 1001;  // the middle one of three
  const auto a = predict(m, check), b = predict(m, draft);
  const auto p = predict(m, of(big, {3, 0.8, &small, {}}, tp8));
  EXPECT_NEAR(p.step.total.in(seconds), (a.step.total + 3.0 * b.step.total).in(seconds), 1e-15);
  EXPECT_NEAR(p.drafting.in(seconds), 3 * b.step.total.in(seconds), 1e-15);
  EXPECT_NEAR(p.step.sync.in(seconds), (a.step.sync + 3.0 * b.step.sync).in(seconds), 1e-15);
  EXPECT_NEAR(p.ideal.total.in(seconds), (a.ideal.total + 3.0 * b.ideal.total).in(seconds), 1e-15);
  // It caches the last draft but one: 1002 tokens.
  draft.workload.context = 1002;
  EXPECT_NEAR(p.held.in(bytes), (a.held + predict(m, draft).held).in(bytes), 1);
  EXPECT_GT(p.utps, predict(m, of(big, {}, tp8)).utps);  // worth it at batch 4
  EXPECT_LT(p.utps_low, p.utps);
  EXPECT_GT(p.utps_high, p.utps);
  EXPECT_LT(p.largest_batch, a.largest_batch);
}

TEST(Drafts, DraftsThatAreNeverRightOnlyCost) {
  const Transformer t = cards::find_model("deepseek-v3");
  const Transformer mtp = mtp_module(t);
  const Machine m = cards::find_machine("xpu-hbm3");
  const Partition p{.tp = 8};
  const WeightFormats fp8{Format::fp8};
  const auto at = [&](int k, double a) {
    Case c{&t, {1, 4096, Format::fp8, Format::fp8}, p, {}, {k, a, &mtp, fp8}};
    return predict(m, c);
  };
  EXPECT_LT(at(1, 0).utps, at(0, 0).utps);
  EXPECT_LT(at(2, 0).utps, at(1, 0).utps);
  EXPECT_GT(at(1, 0.85).utps, at(0, 0).utps);
  for (double a = 0.1; a < 1; a += 0.1) EXPECT_GT(at(2, a).utps, at(2, a - 0.05).utps);
  EXPECT_GT(at(1, 0).ideal.total, at(0, 0).ideal.total);  // the ideal pays for them, too
  // One module is held however often it is run; the model of this test has one.
  EXPECT_NEAR((at(2, 0).held - at(1, 0).held).in(bytes), 1.5 * 576 + 61 * 576, 600);
}

TEST(Drafts, EachMtpModuleIsHeldOnce) {
  Transformer t = tiny();
  t.mtp_layers = 3;
  const Transformer mtp = mtp_module(t);
  const auto held = [&](int k, Partition p) {
    const Passes passes = passes_of(of(t, {k, 0.5, &mtp, {}}, p));
    return passes.weights_held.in(bytes);
  };
  const double module = demand<double>(mtp, {1, 10, b16, b16}, {}).weights_held.in(bytes);
  EXPECT_DOUBLE_EQ(held(1, {}) - held(0, {}), module);
  EXPECT_DOUBLE_EQ(held(3, {}) - held(0, {}), 3 * module);
  EXPECT_DOUBLE_EQ(held(9, {}) - held(0, {}), 3 * module);
  // On the last of two stages, for the sequences of both.
  const auto kv = [&](int k, Partition p) {
    return passes_of(of(t, {k, 0.5, &mtp, {}}, p)).kv_per_sequence.in(bytes);
  };
  // 16 bytes a token and layer; checking, the model keeps one token more in its open layer.
  EXPECT_DOUBLE_EQ(kv(1, {}) - kv(0, {}), 16 * 1000 + 16);
  EXPECT_DOUBLE_EQ(kv(1, {.pp = 2}) - kv(0, {.pp = 2}), 2 * 16 * 1000 + 16);
}

TEST(Drafts, ADraftModelShallowerThanThePipelineIsSaid) {
  const Transformer big = cards::find_model("llama-3.1-70b"),
                    small = cards::find_model("llama-3.2-1b");
  const auto p =
      predict(cards::find_machine("xpu-hbm3"), of(big, {1, 0.5, &small, {}}, {.tp = 1, .pp = 20}));
  EXPECT_FALSE(p.fits);
  EXPECT_EQ(p.why_not, "llama-3.2-1b has 16 layers, fewer than pp = 20");
}

}  // namespace
}  // namespace limen::model
