#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "kernels/cpu/gemm.hpp"
#include "kernels/cpu/team.hpp"

namespace limen::kernels {
namespace {

// Small integers from positions, so that a mixed-up row, column, token or group shows.
int weight_at(std::size_t row, std::size_t col) {
  return static_cast<int>((row * 7 + col * 5 + col / 16) % 8) - 4;
}
int x_at(std::size_t token, std::size_t col) {
  return static_cast<int>((token * 3 + col * 11 + col / 32) % 9) - 4;
}
float scale_at(std::size_t row, std::size_t g) {
  return static_cast<float>(1u << ((row + row / 5 + 3 * g) % 4)) / 2;
}

double element(const Shape& shape, const void* values, std::size_t index) {
  return shape.format == Format::fp64
             ? static_cast<const double*>(values)[index]
             : static_cast<double>(static_cast<const float*>(values)[index]);
}

}  // namespace

std::string verify_gemm(Team& team, int members, const Shape& shape, std::size_t tokens,
                        ShardKernel* kernel) {
  const auto n = static_cast<std::size_t>(members);
  const std::size_t stored = shape.row_bytes();
  Buffer weights(shape.rows * stored + 64), scales(shape.rows * shape.groups() * 2 + 64);
  Buffer x(tokens * shape.cols * shape.value_bytes()), y(tokens * shape.rows * shape.value_bytes());
  for (std::size_t r = 0; r < shape.rows; ++r) {
    std::vector<int> row(shape.cols);
    for (std::size_t k = 0; k < shape.cols; ++k) row[k] = weight_at(r, k);
    std::vector<float> row_scales;
    for (std::size_t g = 0; g < shape.groups(); ++g) row_scales.push_back(scale_at(r, g));
    encode_row(shape, row, row_scales, weights.data() + r * stored,
               scales.as<std::uint16_t>() + r * shape.groups());
  }
  for (std::size_t i = 0; i < tokens * shape.cols; ++i) {
    const int value = x_at(i / shape.cols, i % shape.cols);
    if (shape.format == Format::fp64) {
      x.as<double>()[i] = value;
    } else {
      x.as<float>()[i] = static_cast<float>(value);
    }
  }
  std::vector<Shard> shards;
  std::vector<Workspace> workspaces;
  for (std::size_t m = 0; m < n; ++m) {
    auto shard = split_rows(shape, m, n);
    for (auto& band : shard) {
      band.weights = weights.data() + band.first_row * stored;
      band.scales = scales.as<std::uint16_t>() + band.first_row * shape.groups();
    }
    shards.push_back(shard);
    workspaces.emplace_back(shape.cols, tokens);
  }
  gemm(team, shape, shards, x.data(), tokens, y.data(), workspaces, kernel);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t r = 0; r < shape.rows; ++r) {
      double want = 0;
      for (std::size_t k = 0; k < shape.cols; ++k) {
        const double scale = shape.quantized() ? static_cast<double>(scale_at(r, k / group)) : 1;
        want += scale * weight_at(r, k) * x_at(t, k);
      }
      const double got = element(shape, y.data(), t * shape.rows + r);
      if (got != want) {
        return fmt::format("gemm {} {}x{}, {} tokens, {} threads: y[{}][{}] is {}, not {}",
                           name(shape.format), shape.rows, shape.cols, tokens, members, t, r, got,
                           want);
      }
    }
  }
  return {};
}

std::string check_rows(const Shape& shape, const Shard& shard, const void* x, std::size_t tokens,
                       const void* y, std::span<const std::size_t> rows) {
  // fp32 sums of n terms err by less than n ulps of the sum of magnitudes (far less in vectors); x
  // in 15 bits adds 2^-15 of its largest element.
  const double ulp = shape.format == Format::fp64 ? 0x1p-52 : 0x1p-23;
  for (const auto& band : shard) {
    for (const std::size_t row : rows) {
      if (row < band.first_row || row >= band.first_row + band.rows) continue;
      const auto* weights = band.weights + (row - band.first_row) * shape.row_bytes();
      const auto* scales = band.scales + (row - band.first_row) * shape.groups();
      for (std::size_t t = 0; t < tokens; ++t) {
        double want = 0, magnitude = 0, weight_sum = 0, peak = 0;
        for (std::size_t k = 0; k < shape.cols; ++k) {
          const double w = decode(shape, weights, scales, k),
                       v = element(shape, x, t * shape.cols + k);
          want += w * v;
          magnitude += std::fabs(w * v);
          weight_sum += std::fabs(w);
          peak = std::max(peak, std::fabs(v));
        }
        double allowed = ulp * std::sqrt(static_cast<double>(shape.cols)) * 4 * magnitude;
        if (shape.format == Format::bf16) {  // x rounded to 8 bits: errors of random sign
          allowed += 0x1p-6 * magnitude / std::sqrt(static_cast<double>(shape.cols));
        }
        if (shape.quantized())
          allowed += peak * 0x1p-15 * weight_sum + ulp * 64 * 8 * weight_sum * peak;
        const double got = element(shape, y, t * shape.rows + row);
        if (!(std::fabs(got - want) <= allowed)) {
          return fmt::format("gemm {} {}x{}: y[{}][{}] is {}, not {} (+- {})", name(shape.format),
                             shape.rows, shape.cols, t, row, got, want, allowed);
        }
      }
    }
  }
  return {};
}

}  // namespace limen::kernels
