// The kernels are right, in both orders of threads, and leave nothing behind.
#include <gmock/gmock.h>

#include "tests/kernels/cuda/checks.hpp"

namespace limen::gpu {
namespace {

class Kernels : public testing::TestWithParam<std::tuple<std::string, fiber::Order>> {};

TEST_P(Kernels, AreRight) {
  const auto& [what, order] = GetParam();
  HostBackend backend(small_devices(order));
  EXPECT_EQ(checks().at(what)(backend), "");
  EXPECT_EQ(backend.alive(), 0);
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& [what, check] : checks()) all.push_back(what);
  return all;
}

std::string test_name(const testing::TestParamInfo<std::tuple<std::string, fiber::Order>>& test) {
  constexpr const char* orders[] = {"_forward", "_reversed", "_scattered"};
  return std::get<0>(test.param) + orders[static_cast<int>(std::get<1>(test.param))];
}

INSTANTIATE_TEST_SUITE_P(All, Kernels,
                         testing::Combine(testing::ValuesIn(names()),
                                          testing::Values(fiber::Order::forward,
                                                          fiber::Order::reversed,
                                                          fiber::Order::scattered)),
                         test_name);

TEST(Verify, FourRanksAgreeToo) {
  HostBackend backend(small_devices(fiber::Order::forward, 4));
  EXPECT_EQ(check_all_reduce(backend, AllReduce::one_shot), "");
  EXPECT_EQ(check_all_reduce(backend, AllReduce::two_shot), "");
}

// The heads are split, the latent cache and its index are not.
TEST(Verify, RanksWithTheSameLatentCacheAgreeToo) {
  HostBackend backend(small_devices(fiber::Order::reversed));
  EXPECT_EQ(check_decode(backend, kernels::Format::int4, 2, Kind::sparse), "");
}

TEST(Verify, LatentModelsOfTheZooAreTakenAndOthersNamed) {
  kernels::LayerShape layer{.query_heads = 128, .width = 2048};
  layer.experts = 256;
  layer.top_k = 8;
  layer.expert_width = 2048;
  layer.latent = {.query_rank = 1536, .rank = 512, .nope = 128, .rope = 64, .value_dim = 128};
  const kernels::DecodeShape deepseek{kernels::Format::int4, 7168, 129280, 64, 1 << 20, {layer}};
  layer.query_heads = 64;
  layer.latent = {.query_rank = 2048,
                  .rank = 512,
                  .nope = 192,
                  .rope = 64,
                  .value_dim = 256,
                  .index_heads = 32,
                  .index_dim = 128,
                  .index_top = 2048};
  const kernels::DecodeShape glm{kernels::Format::bf16, 6144, 154880, 64, 1 << 20, {layer}};
  for (const std::size_t ranks : {1, 2, 4, 8})
    for (const auto& shape : {deepseek, glm}) EXPECT_EQ(not_for_gpus(shape, ranks), "");
  const auto why = [&](auto&& change) {
    auto other = glm;
    change(other, other.layers[0].latent);
    return not_for_gpus(other, 1);
  };
  using testing::HasSubstr;
  EXPECT_THAT(why([](auto&, auto& m) { m.rank = 256; }), HasSubstr("rank 256 + 64; kernels are"));
  EXPECT_THAT(why([](auto&, auto& m) { m.rope = 32; }), HasSubstr("rank 512 + 32; kernels are"));
  EXPECT_THAT(why([](auto&, auto& m) { m.index_dim = 64; }), HasSubstr("an index of 64 elements"));
  EXPECT_THAT(why([](auto&, auto& m) { m.nope = 12; }), HasSubstr("12 elements of a head's query"));
  EXPECT_THAT(why([](auto&, auto& m) { m.query_rank = 20; }), HasSubstr("20 elements of a latent"));
  EXPECT_THAT(why([](auto& s, auto&) { ++s.context; }), HasSubstr("an index of 1048577 tokens"));
}

}  // namespace
}  // namespace limen::gpu
