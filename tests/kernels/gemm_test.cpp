// Products against a plain reference, exactly, at sizes that are no multiple of anything; and
// planted bugs are found.
#include <vector>

#include <gmock/gmock.h>

#include "kernels/cpu/gemm.hpp"
#include "kernels/cpu/team.hpp"
#include "tests/kernels/simd_targets.hpp"

namespace limen::kernels {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class Gemm : public testing::TestWithParam<Format> {
 protected:
  static Team& team() {
    static Team team(3);
    return team;
  }
};

TEST_P(Gemm, IsExactOnEveryTargetAtOddSizes) {
  tests::for_every_target([](const char* target) {
    for (const std::size_t rows : {1, 3, 4, 7, 13, 64}) {
      for (const std::size_t cols : {1, 5, 31, 127, 128, 129, 200, 1027}) {
        for (const std::size_t tokens : {1, 2, 3, 4, 7}) {
          const auto wrong = verify_gemm(team(), 1, {GetParam(), rows, cols}, tokens);
          ASSERT_THAT(wrong, IsEmpty()) << target;
        }
      }
    }
  });
}

TEST_P(Gemm, IsExactWhateverTheThreads) {
  for (int members = 1; members <= team().size(); ++members) {
    for (const std::size_t rows : {1, 2, 11, 12, 50}) {
      EXPECT_THAT(verify_gemm(team(), members, {GetParam(), rows, 300}, 5), IsEmpty());
    }
  }
}

// Bugs that a kernel may have; each must be found.
void loses_last_row(const Shape& shape, const Shard& shard, const void* x, std::size_t tokens,
                    void* y, const Workspace& workspace) {
  auto shorter = shard;
  if (shorter.back().rows > 0) --shorter.back().rows;
  gemm_shard(shape, shorter, x, tokens, y, workspace);
}
void loses_last_column(const Shape& shape, const Shard& shard, const void* x, std::size_t tokens,
                       void* y, const Workspace& workspace) {
  const std::size_t count = shape.cols * tokens, width = shape.value_bytes();
  std::vector<std::byte> copy(static_cast<const std::byte*>(x),
                              static_cast<const std::byte*>(x) + count * width);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t b = 0; b < width; ++b)
      copy[((t + 1) * shape.cols - 1) * width + b] = std::byte{0};
  }
  gemm_shard(shape, shard, copy.data(), tokens, y, workspace);
}
void swaps_bands(const Shape& shape, const Shard& shard, const void* x, std::size_t tokens, void* y,
                 const Workspace& workspace) {
  auto swapped = shard;
  std::swap(swapped[0].weights, swapped[1].weights);
  gemm_shard(shape, swapped, x, tokens, y, workspace);
}
void ignores_scales(const Shape& shape, const Shard& shard, const void* x, std::size_t tokens,
                    void* y, const Workspace& workspace) {
  auto wrong = shard;
  for (auto& band : wrong) band.scales = wrong[0].scales;
  gemm_shard(shape, wrong, x, tokens, y, workspace);
}
void does_nothing(const Shape&, const Shard&, const void*, std::size_t, void*, const Workspace&) {}

TEST_P(Gemm, VerificationFindsPlantedBugs) {
  const Shape shape{GetParam(), 24, 200};
  for (const auto bug : {loses_last_row, loses_last_column, swaps_bands, does_nothing}) {
    EXPECT_THAT(verify_gemm(team(), 2, shape, 2, bug), HasSubstr("not"));
  }
  if (shape.quantized()) {
    EXPECT_THAT(verify_gemm(team(), 1, shape, 1, ignores_scales), HasSubstr("not"));
  }
}

TEST_P(Gemm, CheckedRowsMayRoundButNotErr) {
  const Shape shape{GetParam(), 8, 512};
  Buffer weights(shape.rows * shape.row_bytes()), scales(shape.rows * 8 * 2);
  auto* words = weights.as<std::uint16_t>();
  std::uint32_t state = 1;
  const auto word = [&state] {
    state = state * 1664525u + 1013904223u;
    return static_cast<std::uint16_t>((state >> 16 & 0x807F) | 0x3F80);
  };
  for (std::size_t i = 0; i < weights.size() / 2; ++i) words[i] = word();
  for (std::size_t i = 0; i < scales.size() / 2; ++i) scales.as<std::uint16_t>()[i] = word();
  auto shard = split_rows(shape, 0, 1);
  for (auto& band : shard) {
    band.weights = weights.data() + band.first_row * shape.row_bytes();
    band.scales = scales.as<std::uint16_t>() + band.first_row * shape.groups();
  }
  std::vector<double> x64(512), y64(8);
  std::vector<float> x32(512), y32(8);
  for (std::size_t k = 0; k < 512; ++k) {
    x32[k] = static_cast<float>(k * 37 % 101) / 50.0f - 1.0f;
    x64[k] = static_cast<double>(x32[k]);
  }
  const bool wide = GetParam() == Format::fp64;
  const void* x = wide ? static_cast<const void*>(x64.data()) : x32.data();
  void* y = wide ? static_cast<void*>(y64.data()) : y32.data();
  const std::vector<std::size_t> rows{0, 3, 7};
  gemm_shard(shape, shard, x, 1, y, Workspace(512, 1));
  EXPECT_THAT(check_rows(shape, shard, x, 1, y, rows), IsEmpty());
  (wide ? y64[3] : y64[0]) *= 1.1;
  y32[3] *= 1.1f;
  EXPECT_THAT(check_rows(shape, shard, x, 1, y, rows), HasSubstr("y[0][3]"));
  y64[3] = y32[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(check_rows(shape, shard, x, 1, y, rows), HasSubstr("nan"));
}

INSTANTIATE_TEST_SUITE_P(Formats, Gemm, testing::ValuesIn(all_formats),
                         [](const auto& format) { return std::string(name(format.param)); });

TEST(Matrix, ClaimsWeightsScalesAndVectors) {
  const auto bytes = [](Format f) { return gemm_work({f, 100, 256}, 2).read.in(model::bytes); };
  EXPECT_EQ(bytes(Format::fp32), 100 * 256 * 4 + 256 * 2 * 4);
  EXPECT_EQ(bytes(Format::fp64), 100 * 256 * 8 + 256 * 2 * 8);
  EXPECT_EQ(bytes(Format::bf16), 100 * 256 * 2 + 256 * 2 * 4);
  EXPECT_EQ(bytes(Format::int8), 100 * (256 + 2 * 2) + 256 * 2 * 4);
  EXPECT_EQ(bytes(Format::int4), 100 * (128 + 2 * 2) + 256 * 2 * 4);
  EXPECT_EQ(gemm_work({Format::int4, 100, 256}, 2).flops.in(model::flops), 2 * 100 * 256 * 2);
  EXPECT_EQ(gemm_work({Format::int4, 100, 256}, 2).written.in(model::bytes), 100 * 2 * 4);
}

TEST(Matrix, StoresAndReadsBackSmallIntegers) {
  for (const auto format : all_formats) {
    const Shape shape{format, 1, 150};
    std::vector<int> weights;
    for (int k = 0; k < 150; ++k) weights.push_back(k % 16 - 8);
    std::vector<std::byte> row(shape.row_bytes());
    std::vector<std::uint16_t> scales(shape.groups() + 1);
    encode_row(shape, weights, {0.5f, 0.5f}, row.data(), scales.data());
    for (std::size_t k = 0; k < 150; ++k) {
      EXPECT_EQ(decode(shape, row.data(), scales.data(), k),
                weights[k] * (shape.quantized() ? 0.5 : 1));
    }
  }
}

TEST(Matrix, SplitsEveryRowExactlyOnce) {
  for (const std::size_t rows : {1, 2, 5, 64, 97}) {
    for (const std::size_t members : {1, 2, 3, 7}) {
      std::vector<int> seen(rows);
      for (std::size_t m = 0; m < members; ++m) {
        for (const auto& band : split_rows({Format::fp32, rows, 1}, m, members)) {
          for (std::size_t r = 0; r < band.rows; ++r) ++seen[band.first_row + r];
        }
      }
      EXPECT_THAT(seen, testing::Each(1));
    }
  }
}

}  // namespace
}  // namespace limen::kernels
