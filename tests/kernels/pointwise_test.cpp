// What lies between the products of a decode step, against plain arithmetic on every SIMD target.
#include <cmath>
#include <vector>

#include <gmock/gmock.h>

#include "kernels/cpu/decode/pointwise.hpp"
#include "tests/kernels/simd_targets.hpp"

namespace limen::kernels {
namespace {

std::vector<float> ramp(std::size_t n, float from, float step) {
  std::vector<float> v(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = from + step * static_cast<float>(i % 23);
  return v;
}

TEST(Pointwise, NormsTheSum) {
  tests::for_every_target([](const char* target) {
    for (const std::size_t n : {1, 7, 16, 100, 259}) {
      auto residual = ramp(n, -3, 0.25f);
      const auto delta = ramp(n, 1, 0.5f), gain = ramp(n, 0.5f, 0.1f), before = residual;
      std::vector<float> to(n);
      add_and_norm(residual.data(), delta.data(), gain.data(), n, to.data());
      double squares = 0;
      for (std::size_t i = 0; i < n; ++i) squares += std::pow(double(before[i] + delta[i]), 2);
      for (std::size_t i = 0; i < n; ++i) {
        ASSERT_EQ(residual[i], before[i] + delta[i]) << target;
        ASSERT_NEAR(to[i], residual[i] / std::sqrt(squares / double(n) + 1e-6) * gain[i], 1e-5);
      }
    }
  });
}

TEST(Pointwise, GatesAtEverySize) {
  tests::for_every_target([](const char* target) {
    for (const float scale : {1.0f, 50.0f}) {  // far out a sigmoid is 0 or 1
      const auto g = ramp(45, -5 * scale, 0.4f * scale), up = ramp(45, 2, -0.3f);
      std::vector<float> to(45);
      gate(g.data(), up.data(), 45, to.data());
      for (std::size_t i = 0; i < 45; ++i) {
        const double want = g[i] / (1 + std::exp(-double(g[i]))) * up[i];
        ASSERT_NEAR(to[i], want, 1e-5 * std::fabs(want) + 1e-6) << target;
      }
    }
  });
}

TEST(Pointwise, RotatesByTheAngleOfItsPlace) {
  float cosine[4], sine[4], head[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  rotation(1000, 8, 10000, cosine, sine);
  rotate(head, 8, cosine, sine);
  for (int i = 0; i < 4; ++i) {
    const double angle = 1000 * std::pow(10000.0, -i / 4.0);
    EXPECT_NEAR(head[i], (i + 1) * std::cos(angle) - (i + 5) * std::sin(angle), 1e-5);
    EXPECT_NEAR(head[i + 4], (i + 5) * std::cos(angle) + (i + 1) * std::sin(angle), 1e-5);
  }
}

TEST(Pointwise, FindsTheFirstLargest) {
  tests::for_every_target([](const char* target) {
    for (const std::size_t n : {1, 15, 16, 17, 200}) {
      for (const std::size_t at : {std::size_t{0}, n / 2, n - 1}) {
        std::vector<float> values(n, -2);
        values[at] = -1;
        ASSERT_EQ(largest_of(values.data(), n), at) << target;
        values.back() = -1;
        ASSERT_EQ(largest_of(values.data(), n), at) << target;
      }
    }
  });
}

TEST(Pointwise, RoundsToTheNearestEven) {
  tests::for_every_target([](const char* target) {
    std::vector<float> from(21, 1.0f);
    from[0] = 1.00390625f;                  // halfway between 1 and its neighbour: to even
    from[1] = 1.01171875f;                  // halfway, up to even
    from[20] = -1.0f - 0x1p-7f - 0x1p-20f;  // in the tail
    std::vector<std::uint16_t> to(21);
    round_to_bf16(from.data(), 21, to.data());
    EXPECT_EQ(to[0], 0x3F80) << target;
    EXPECT_EQ(to[1], 0x3F82) << target;
    EXPECT_EQ(to[20], 0xBF81) << target;
  });
}

TEST(Pointwise, ChoosesTheBestExpertsInOrder) {
  const float scores[] = {0.5f, 2, -1, 2.5f, 1, 2};
  std::uint32_t chosen[3];
  float weights[3];
  choose(scores, 6, 3, chosen, weights);
  EXPECT_THAT(chosen, testing::ElementsAre(3, 1, 5));
  const double sum = 1 + 2 * std::exp(-0.5);
  EXPECT_NEAR(weights[0], 1 / sum, 1e-6);
  EXPECT_NEAR(weights[2], std::exp(-0.5) / sum, 1e-6);
}

}  // namespace
}  // namespace limen::kernels
