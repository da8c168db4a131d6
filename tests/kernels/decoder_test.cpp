// A whole decode step against plain fp64 arithmetic: one rank with several threads, and several
// ranks whose exchanges are sums over threads of this process.
#include <thread>

#include <gmock/gmock.h>

#include "kernels/cpu/decode/decoder.hpp"
#include "kernels/cpu/team.hpp"

namespace limen::kernels {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class DecodeStep : public testing::TestWithParam<Format> {};

TEST_P(DecodeStep, AgreesWithPlainArithmetic) {
  for (const int threads : {1, 3}) {
    Team team(threads);
    for (const DecodeShape& shape : shapes_to_verify(GetParam()))
      EXPECT_THAT(verify_decoder(team, shape, 0, 1, {}), IsEmpty()) << threads << " threads";
  }
}

// Two ranks in one process: each is a thread, the exchange a barrier around a sum.
struct Together {
  Barrier barrier{2};
  const float* in[2] = {};
  Exchanges::Candidate* candidates[2] = {};

  Exchanges of(int rank) {
    return {[this, rank](const float* mine, float* out, std::size_t n) {
              in[rank] = mine;
              barrier.wait(rank);
              for (std::size_t i = 0; i < n; ++i) out[i] = in[0][i] + in[1][i];
              barrier.wait(rank);
            },
            [this, rank](Exchanges::Candidate* mine, std::size_t n) {
              candidates[rank] = mine;
              barrier.wait(rank);
              const std::vector<Exchanges::Candidate> other(candidates[1 - rank],
                                                            candidates[1 - rank] + n);
              barrier.wait(rank);
              for (std::size_t i = 0; i < n; ++i)
                if (other[i].value > mine[i].value) mine[i] = other[i];
            }};
  }
};

TEST_P(DecodeStep, AgreesWhenSlicedOverRanks) {
  for (const DecodeShape& shape : shapes_to_verify(GetParam())) {
    Together together;
    std::string wrong[2];
    const auto rank = [&](int r) {
      Team team(1);
      wrong[r] = verify_decoder(team, shape, static_cast<std::size_t>(r), 2, together.of(r));
    };
    std::thread other(rank, 1);
    rank(0);
    other.join();
    EXPECT_THAT(wrong[0], IsEmpty());
    EXPECT_THAT(wrong[1], IsEmpty());
  }
}

TEST_P(DecodeStep, AWrongSumIsFound) {
  Team team(1);
  const auto shape = shapes_to_verify(GetParam())[0];
  Exchanges wrong{[](const float* in, float* out, std::size_t n) { std::copy_n(in, n, out); },
                  [](Exchanges::Candidate*, std::size_t) {}};
  EXPECT_THAT(verify_decoder(team, shape, 0, 2, wrong), HasSubstr("logit"));
}

// A step that takes the model for a slightly different one is not the model's.
TEST_P(DecodeStep, ASlightlyDifferentModelIsFound) {
  const auto shapes = shapes_to_verify(GetParam());
  const auto wrong = [&](std::size_t shape, std::size_t l, auto&& change) {
    DecodeShape other = shapes[shape];
    change(other.layers[l]);
    Team team(2);
    Decoder decoder(team, other, Decoder::Fill::numbers);
    auto tokens = tokens_to_verify(other);
    decoder.step(tokens);
    return wrong_step(shapes[shape], 0, 1, decoder.logits(), tokens, tolerance(GetParam()));
  };
  using L = LayerShape;
  for (const int by : {-1, 1}) {
    const auto more = [by](std::size_t& n) { n = static_cast<std::size_t>(int(n) + by); };
    EXPECT_THAT(wrong(1, 0, [&](L& l) { more(l.window); }), HasSubstr("logit")) << by;
    EXPECT_THAT(wrong(1, 1, [&](L& l) { more(l.window); }), HasSubstr("logit")) << by;
    EXPECT_THAT(wrong(4, 1, [&](L& l) { more(l.latent.index_top); }), HasSubstr("logit")) << by;
    EXPECT_THAT(wrong(2, 1, [&](L& l) { more(l.top_k); }), HasSubstr("logit")) << by;
  }
  EXPECT_THAT(wrong(1, 0, [](L& l) { l.window = 0; }), HasSubstr("logit"));
  EXPECT_THAT(wrong(1, 1, [](L& l) { l.chunked = false; }), HasSubstr("logit"));
  EXPECT_THAT(wrong(4, 1, [](L& l) { l.latent.index_top = 0; }), HasSubstr("logit"));
  EXPECT_THAT(wrong(2, 1, [](L& l) { l.sigmoid = false; }), HasSubstr("logit"));
  EXPECT_THAT(wrong(2, 1, [](L& l) { l.held = 0; }), HasSubstr("logit"));
}

INSTANTIATE_TEST_SUITE_P(Formats, DecodeStep,
                         testing::Values(Format::bf16, Format::int8, Format::int4),
                         [](const auto& i) { return std::string(name(i.param)); });

TEST(Decoder, TimesEveryPartAndKeepsItsWeightsOverSizes) {
  Team team(2);
  auto shape = shapes_to_verify(Format::int8)[2];
  shape.sequences = 3;
  Decoder decoder(team, shape, Decoder::Fill::random);
  std::vector<std::uint32_t> tokens{1, 2, 3};
  decoder.step(tokens);
  const auto of = [&](std::size_t block, Op op) {
    return decoder.times()[block][static_cast<std::size_t>(op)];
  };
  ASSERT_EQ(decoder.times().size(), 5u);
  for (const std::size_t block : {0, 2}) {  // attention
    for (Op op : {Op::qkv, Op::attention, Op::output, Op::rest}) EXPECT_GT(of(block, op), 0);
    for (Op op : {Op::down, Op::experts, Op::head}) EXPECT_EQ(of(block, op), 0);
  }
  EXPECT_GT(of(1, Op::down), 0);
  EXPECT_GT(of(3, Op::experts), 0);
  for (const std::size_t block : {1, 3})
    for (Op op : {Op::qkv, Op::attention, Op::output}) EXPECT_EQ(of(block, op), 0);
  EXPECT_EQ(of(1, Op::experts), 0);
  EXPECT_GT(of(3, Op::down), 0);  // a shared expert
  EXPECT_GT(of(4, Op::head), 0);
  EXPECT_EQ(of(4, Op::exchange), 0);
  EXPECT_GE(decoder.experts_read(), 3u);
  EXPECT_LE(decoder.experts_read(), 6u);

  const auto first = decoder.logits()[0];
  decoder.resize(1, 1);  // sees itself alone
  tokens = {1};
  decoder.step(tokens);
  EXPECT_EQ(decoder.logits().size(), 96u);
  EXPECT_NE(decoder.logits()[0], first);
  EXPECT_LT(tokens[0], 96u);
}

TEST(Slice, RefusesWhatDoesNotDivide) {
  auto shape = shapes_to_verify(Format::int8)[0];
  EXPECT_THAT(unsliceable(shape, 2), IsEmpty());
  EXPECT_THAT(unsliceable(shape, 4), IsEmpty());  // two ranks a KV head
  EXPECT_THAT(unsliceable(shape, 8), HasSubstr("4 query heads cannot be split over 8 ranks"));
  shape.layers[0].kv_heads = 3;
  EXPECT_THAT(unsliceable(shape, 2), HasSubstr("3 KV heads cannot be split over 2 ranks"));
  shape.layers[0].head_dim = 72;
  EXPECT_THAT(unsliceable(shape, 1), HasSubstr("heads of 72 elements"));
  auto latent = shapes_to_verify(Format::int8)[3];
  EXPECT_THAT(unsliceable(latent, 2), IsEmpty());
  latent.layers[0].latent.rope = 0;
  EXPECT_THAT(unsliceable(latent, 1), HasSubstr("rank 64 + 0"));
}

TEST(Slice, PutsEveryRowOfTheModelSomewhere) {
  auto whole = shapes_to_verify(Format::bf16)[1];  // one KV head, which both ranks hold
  for (const auto& layer : whole.layers) {
    std::vector<int> found(layer.projected());
    for (std::size_t rank = 0; rank < 2; ++rank) {
      whole.layers[0] = layer;
      const auto part = slice(whole, rank, 2);
      for (std::size_t row = 0; row < part.layers[0].projected(); ++row)
        ++found[whole_row(part, part.layers[0], Role::qkv, row)];
    }
    for (std::size_t row = 0; row < found.size(); ++row)
      EXPECT_EQ(found[row], row >= layer.q_width() && layer.kv_heads == 1 ? 2 : 1) << row;
  }
}

TEST(Slice, KeepsAndSeesWhatAWindowAChunkAndAnIndexerLeave) {
  DecodeShape shape;
  LayerShape layer{.query_heads = 1, .kv_heads = 1, .head_dim = 16};
  const auto kept = [&](std::size_t context) {
    shape.context = context;
    return shape.kept(layer);
  };
  EXPECT_EQ(kept(1000), 1000u);
  layer.window = 128;
  EXPECT_EQ(kept(127), 127u);
  EXPECT_EQ(kept(128), 128u);
  EXPECT_EQ(kept(1000), 128u);
  layer.chunked = true;
  EXPECT_EQ(kept(128), 128u);
  EXPECT_EQ(kept(129), 1u);
  EXPECT_EQ(kept(1000), 1000 - 7 * 128u);
  layer.window = 0;
  layer.latent.index_top = 50;
  EXPECT_EQ(kept(1000), 1000u);
  EXPECT_EQ(shape.seen(layer), 50u);
  shape.context = 20;
  EXPECT_EQ(shape.seen(layer), 20u);
}

}  // namespace
}  // namespace limen::kernels
