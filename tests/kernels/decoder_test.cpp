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

INSTANTIATE_TEST_SUITE_P(Formats, DecodeStep,
                         testing::Values(Format::bf16, Format::int8, Format::int4),
                         [](const auto& i) { return std::string(name(i.param)); });

TEST(Decoder, TimesEveryPartAndKeepsItsWeightsOverSizes) {
  Team team(2);
  auto shape = shapes_to_verify(Format::int8)[1];
  Decoder decoder(team, shape, Decoder::Fill::random);
  std::vector<std::uint32_t> tokens{1, 2, 3};
  decoder.step(tokens);
  const auto of = [&](std::size_t layer, Op op) {
    return decoder.times()[layer][static_cast<std::size_t>(op)];
  };
  for (std::size_t l = 0; l < 2; ++l)
    for (Op op : {Op::qkv, Op::attention, Op::output, Op::rest}) EXPECT_GT(of(l, op), 0);
  EXPECT_GT(of(0, Op::down), 0);
  EXPECT_EQ(of(0, Op::experts), 0);
  EXPECT_GT(of(1, Op::experts), 0);
  EXPECT_EQ(of(1, Op::down), 0);
  EXPECT_GT(of(2, Op::head), 0);
  EXPECT_EQ(of(2, Op::exchange), 0);
  EXPECT_GE(decoder.experts_read(), 2u);
  EXPECT_LE(decoder.experts_read(), 6u);

  const auto first = decoder.logits()[0];
  decoder.resize(1, {1, 1}, 1);  // sees itself alone
  tokens = {1};
  decoder.step(tokens);
  EXPECT_EQ(decoder.logits().size(), 128u);
  EXPECT_NE(decoder.logits()[0], first);
  EXPECT_LT(tokens[0], 128u);
}

TEST(Slice, RefusesWhatDoesNotDivide) {
  auto shape = shapes_to_verify(Format::int8)[0];
  EXPECT_THAT(unsliceable(shape, 2), IsEmpty());
  EXPECT_THAT(unsliceable(shape, 4), HasSubstr("2 KV heads cannot be split over 4 ranks"));
  shape.layers[0].head_dim = 72;
  EXPECT_THAT(unsliceable(shape, 1), HasSubstr("heads of 72 elements"));
}

}  // namespace
}  // namespace limen::kernels
