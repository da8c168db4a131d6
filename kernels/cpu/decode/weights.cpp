#include "kernels/cpu/decode/weights.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/decode/pointwise.hpp"
#include "kernels/cpu/team.hpp"

namespace limen::kernels {
namespace {

constexpr std::size_t lines(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

class Random {  // xorshift64
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u | 1) {}
  std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    return state_ ^= state_ << 17;
  }

 private:
  std::uint64_t state_;
};

// Numbers of 16 bits in a bf16's place: random mantissa, this exponent, random sign or none.
void fill_bf16(std::byte* to, std::size_t bytes, int exponent, bool with_sign, Random& random) {
  const std::uint64_t ones = 0x0001000100010001u;
  const std::uint64_t keep = (with_sign ? 0x807Fu : 0x007Fu) * ones;
  const std::uint64_t set = static_cast<std::uint64_t>((127 + exponent) << 7) * ones;
  auto* words = reinterpret_cast<std::uint64_t*>(to);
  for (std::size_t i = 0; i < lines(bytes) / 8; ++i) words[i] = (random.next() & keep) | set;
}

void fill_band(const Shape& shape, const Band& band, Random& random) {
  auto* weights = const_cast<std::byte*>(band.weights);
  const double deviation = 1 / std::sqrt(static_cast<double>(shape.cols));
  const auto exponent = [](double x) { return static_cast<int>(std::lround(std::log2(x))); };
  if (!shape.quantized()) {
    // +-[1, 2) has a root mean square of 1.53
    fill_bf16(weights, band.rows * shape.row_bytes(), exponent(deviation / 1.53), true, random);
    return;
  }
  // Odd integers alone: as many above zero as below. A mean, however small, would point the outputs
  // of all sequences the same way, layer after layer, and the router would send them to the same
  // experts.
  const std::uint64_t odd =
      shape.format == Format::int8 ? 0x0101010101010101u : 0x1111111111111111u;
  auto* words = reinterpret_cast<std::uint64_t*>(weights);
  for (std::size_t i = 0; i < lines(band.rows * shape.row_bytes()) / 8; ++i)
    words[i] = random.next() | odd;
  const double spread = shape.format == Format::int8 ? 73.9 : 4.6;  // their root mean square
  auto* scales = reinterpret_cast<std::byte*>(const_cast<std::uint16_t*>(band.scales));
  fill_bf16(scales, band.rows * shape.groups() * 2, exponent(deviation / spread / 1.53), false,
            random);
}

}  // namespace

std::size_t Weights::bytes() const {
  std::size_t sum = 0;
  for (const auto& [s, index, of] : placed_) sum += s.rows * (s.row_bytes() + 2 * s.groups());
  return sum;
}

void Weights::reserve(Team& team) {
  const auto members = static_cast<std::size_t>(team.size());
  memory_.clear();
  memory_.resize(members);
  matrices_.clear();
  for (const auto& [shape, index, of] : placed_) {
    matrices_.push_back({shape, {}});
    for (std::size_t m = 0; m < members; ++m) {
      const auto mine = part_of(of, m, members);
      const bool whole = index >= mine.first && index < mine.first + mine.rows;
      matrices_.back().shards.push_back(of == 0 ? split_rows(shape, m, members)
                                        : whole ? split_rows(shape, 0, 1)
                                                : Shard{});
    }
  }
  team.run(team.size(), [&](int member) {
    const auto m = static_cast<std::size_t>(member);
    std::size_t weights = 0, scales = 0;  // of a quarter
    const auto walk = [&](std::byte* base, std::size_t quarter) {
      weights = scales = 0;
      for (Matrix& matrix : matrices_) {
        Shard& shard = matrix.shards[m];
        std::size_t rows = 0;
        for (const Band& band : shard) rows = std::max(rows, band.rows);
        for (std::size_t b = 0; base != nullptr && b < bands; ++b) {
          std::byte* start = base + b * quarter;
          shard[b].weights = start + weights;
          shard[b].scales = reinterpret_cast<std::uint16_t*>(start + quarter / 2 + scales);
        }
        weights += lines(rows * matrix.shape.row_bytes());
        scales += lines(rows * matrix.shape.groups() * 2);
      }
    };
    walk(nullptr, 0);
    // Addresses cost nothing: half of each quarter is for the weights. A quarter is not a power of
    // two long: bands would meet in the same sets of the cache.
    const std::size_t quarter = 2 * (std::max(weights, scales) + 4096) / 8192 * 8192 + 8192 + 4096;
    memory_[m] = Buffer(bands * quarter);
    walk(memory_[m].data(), quarter);
  });
}

void Weights::make(Team& team, const RowSource& source) {
  reserve(team);
  team.run(team.size(), [&](int member) {
    std::vector<int> weight;
    std::vector<float> scale, values;
    for (std::size_t i = 0; i < matrices_.size(); ++i) {
      const Shape& shape = matrices_[i].shape;
      weight.resize(shape.cols);
      scale.resize(std::max<std::size_t>(1, shape.groups()));
      for (const Band& band : matrices_[i].shards[static_cast<std::size_t>(member)]) {
        for (std::size_t r = 0; r < band.rows; ++r) {
          source(i, band.first_row + r, weight, scale);
          auto* to = const_cast<std::byte*>(band.weights) + r * shape.row_bytes();
          if (shape.quantized()) {
            encode_row(shape, weight, scale, to,
                       const_cast<std::uint16_t*>(band.scales) + r * shape.groups());
            continue;
          }
          values.assign(weight.begin(), weight.end());
          for (float& v : values) v *= scale[0];
          round_to_bf16(values.data(), values.size(), reinterpret_cast<std::uint16_t*>(to));
        }
      }
    }
  });
}

void Weights::make(Team& team, std::uint64_t seed) {
  reserve(team);
  team.run(team.size(), [&](int member) {
    Random random(seed + 1000003 * static_cast<std::uint64_t>(member));
    for (const Matrix& matrix : matrices_) {
      for (const Band& band : matrix.shards[static_cast<std::size_t>(member)])
        fill_band(matrix.shape, band, random);
    }
  });
}

}  // namespace limen::kernels
