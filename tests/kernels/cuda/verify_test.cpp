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

}  // namespace
}  // namespace limen::gpu
