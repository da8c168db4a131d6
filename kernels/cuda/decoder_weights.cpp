#include "kernels/cuda/decoder_weights.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace limen::gpu {
namespace {

using kernels::DecodeShape, kernels::LayerShape, kernels::Numbers, kernels::Role;

U32 bf16_of(float v) { return std::bit_cast<U32>(v) >> 16; }  // of what fits 8 digits

// To nearest, of a number that fp16 reaches.
U32 half_of(double v) {
  const int exponent = std::max(std::ilogb(v), -14);
  const auto digits = static_cast<U32>(std::lround(std::ldexp(v, 10 - exponent)));  // 11 bits
  return digits + (static_cast<U32>(exponent + 14) << 10);  // the leading one adds 1 to it
}

Matrix matrix_of(const kernels::Shape& s) {
  return {format_of(s.format), static_cast<unsigned>(s.rows), static_cast<unsigned>(s.cols)};
}

Weights reserve(const Device& d, const kernels::Shape& s, std::size_t count) {
  const Matrix m = matrix_of(s);
  // Scales are filled in whole accesses.
  return {m, {d, count * m.words()}, {d, (count * m.scales() + 7) / 8 * 8}};
}

void put(Format f, std::uint8_t* row, std::size_t col, int weight, float scale) {
  if (f == Format::bf16) {
    const auto bits = static_cast<std::uint16_t>(bf16_of(static_cast<float>(weight) * scale));
    std::memcpy(row + 2 * col, &bits, 2);
  } else if (f == Format::int8) {
    row[col] = static_cast<std::uint8_t>(weight);
  } else {
    const unsigned shift = 4 * (col % 2);
    row[col / 2] = static_cast<std::uint8_t>((row[col / 2] & ~(15u << shift)) |
                                             static_cast<unsigned>(weight + 8) << shift);
  }
}

}  // namespace

Format format_of(kernels::Format weights) {
  return weights == kernels::Format::int8   ? Format::int8
         : weights == kernels::Format::int4 ? Format::int4
                                            : Format::bf16;
}

void randomize(const Device& d, Words* to, std::size_t n, U32 keep, U32 set, U32 seed) {
  if (n == 0) return;
  const auto& kernel = d.kernels().randomize;
  const auto blocks =
      std::min<std::size_t>((n + kernel.threads - 1) / kernel.threads, full_grid(d, kernel));
  d.launch(kernel, {{static_cast<unsigned>(blocks)}, kernel.threads}, to, n, keep, set, seed);
}

Weights random_weights(const Device& d, const kernels::Shape& shape, std::size_t count, U32 seed) {
  Weights w = reserve(d, shape, count);
  const double wanted = 1 / std::sqrt(static_cast<double>(shape.cols));
  if (w.matrix.format == Format::bf16) {  // a random sign and significand: rms 1.53 of the power
    const auto exponent = static_cast<U32>(127 + std::lround(std::log2(wanted / 1.53)));
    randomize(d, w.words.data(), w.words.size(), 0x807f807fu, exponent << 23 | exponent << 7, seed);
    return w;
  }
  randomize(d, w.words.data(), w.words.size(), ~0u, 0, seed);
  const double rms = w.matrix.format == Format::int8 ? 73.9 : 4.64;  // of uniform integers
  const U32 scale = half_of(wanted / rms);
  randomize(d, reinterpret_cast<Words*>(w.scales.data()), w.scales.size() / 8, 0,
            scale | scale << 16, seed);
  return w;
}

Weights numbered_weights(const Device& d, const DecodeShape& s, std::size_t l, Role role) {
  const LayerShape layer = l < s.layers.size() ? s.layers[l] : LayerShape{};
  const auto shape = kernels::matrix_shape(s, layer, role);
  const std::size_t count = role == Role::head ? 1 : kernels::count_of(layer, role);
  Weights w = reserve(d, shape, count);
  std::vector<Words> words(w.words.size());
  std::memset(words.data(), 0xff, words.size() * sizeof(Words));  // padding: NaN, or -1
  std::vector<std::uint16_t> scales(w.scales.size());
  for (std::size_t i = 0; i < count * shape.rows; ++i) {
    const std::size_t row = kernels::whole_row(s, layer, role, i % shape.rows);
    const float scale = Numbers::scale(role, row);
    auto* to = reinterpret_cast<std::uint8_t*>(words.data() + i * w.matrix.row_words());
    for (std::size_t k = 0; k < shape.cols; ++k)
      put(w.matrix.format, to, k,
          Numbers::weight(l, role, kernels::whole_index(s, layer, role, i / shape.rows), row,
                          kernels::whole_col(s, role, k, shape.cols)),
          scale);
    for (std::size_t g = 0; g < w.matrix.groups(); ++g)
      scales[i * w.matrix.groups() + g] =
          static_cast<std::uint16_t>(half_of(static_cast<double>(scale)));
  }
  d.copy(w.words.data(), words.data(), words.size() * sizeof(Words));
  d.copy(w.scales.data(), scales.data(), scales.size() * 2);
  d.synchronize();
  return w;
}

}  // namespace limen::gpu
