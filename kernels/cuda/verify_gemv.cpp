#include <cstring>

#include <fmt/format.h>

#include "kernels/cuda/numbers.hpp"
#include "kernels/cuda/verify.hpp"

namespace limen::gpu {
namespace {

constexpr double rounding = 1.0 / (1 << 24);

double weight_at(const Matrix& m, const MatrixData& data, unsigned row, unsigned col) {
  const auto* bytes =
      reinterpret_cast<const std::uint8_t*>(data.weights.data() + row * m.row_words());
  switch (m.format) {
    case Format::fp32: {
      float v;
      std::memcpy(&v, bytes + std::size_t{col} * 4, 4);
      return v;
    }
    case Format::fp16:
    case Format::bf16: {
      std::uint16_t v;
      std::memcpy(&v, bytes + std::size_t{col} * 2, 2);
      return m.format == Format::fp16 ? decode_half(v) : decode_bf16(v);
    }
    case Format::fp8:
      return decode_e4m3(bytes[col]);
    case Format::int8:
      return static_cast<std::int8_t>(bytes[col]);
    case Format::int4:
      return (bytes[col / 2] >> 4 * (col % 2) & 15) - 8;
  }
  return 0;
}

double x_at(const Matrix& m, const MatrixData& data, unsigned col) {
  if (m.format == Format::fp32) {
    float v;
    std::memcpy(&v, data.x.data() + std::size_t{col} * 4, 4);
    return v;
  }
  std::uint16_t v;
  std::memcpy(&v, data.x.data() + std::size_t{col} * 2, 2);
  return m.format == Format::fp16 ? decode_half(v) : decode_bf16(v);
}

std::string verify_shape(const Device& d, const Matrix& m, bool four, std::uint64_t seed) {
  constexpr unsigned guard = 8;
  constexpr float poison = -12345.5f;
  const MatrixData data = random_matrix(m, seed);
  const auto weights = upload(d, data.weights);
  const auto scales = upload(d, data.scales);
  const auto x = upload(d, data.x);
  const auto y = upload(d, std::vector<float>(m.rows + guard, poison));
  gemv(d, m, weights.data(), scales.data(), x.data(), y.data(), four);
  const auto got = download(d, y.data(), m.rows + guard);
  const std::string which =
      fmt::format("gemv {} {} x {}, {} a block", name(m.format), m.rows, m.cols, four ? 4 : 1);
  for (unsigned row = 0; row < m.rows; ++row) {
    const Reference want = gemv_reference(m, data, row);
    const double error = std::abs(static_cast<double>(got[row]) - want.value);
    if (!(error <= want.tolerance))
      return fmt::format("{}: row {} is {:.9g}, not {:.9g} +- {:.1g}", which, row, got[row],
                         want.value, want.tolerance);
  }
  for (unsigned i = m.rows; i < m.rows + guard; ++i)
    if (got[i] != poison)
      return fmt::format("{}: row {} is behind the end and was written", which, i);
  return {};
}

}  // namespace

MatrixData random_matrix(const Matrix& m, std::uint64_t seed) {
  Random random(seed);
  MatrixData data;
  data.weights.resize(m.words());
  std::memset(data.weights.data(), 0xff, data.weights.size() * sizeof(Words));  // NaN, or -1
  for (unsigned row = 0; row < m.rows; ++row) {
    auto* bytes = reinterpret_cast<std::uint8_t*>(data.weights.data() + row * m.row_words());
    for (unsigned col = 0; col < m.cols; ++col) {
      switch (m.format) {
        case Format::fp32: {
          const float v = random.fp32();
          std::memcpy(bytes + std::size_t{col} * 4, &v, 4);
          break;
        }
        case Format::fp16:
        case Format::bf16: {
          const std::uint16_t v = m.format == Format::fp16 ? random.half() : random.bf16();
          std::memcpy(bytes + std::size_t{col} * 2, &v, 2);
          break;
        }
        case Format::fp8:
          bytes[col] = random.e4m3();
          break;
        case Format::int8:
          bytes[col] = static_cast<std::uint8_t>(random.bits());
          break;
        case Format::int4: {
          auto& byte = bytes[col / 2];
          const unsigned shift = 4 * (col % 2);
          byte =
              static_cast<std::uint8_t>((byte & ~(15u << shift)) | (random.bits() & 15u) << shift);
        }
      }
    }
  }
  data.scales.resize(m.scales());
  for (auto& s : data.scales) s = random.half();
  data.x.assign(m.x_bytes(), 0xff);
  for (unsigned col = 0; col < m.cols; ++col) {
    if (m.format == Format::fp32) {
      const float v = random.fp32();
      std::memcpy(data.x.data() + std::size_t{col} * 4, &v, 4);
    } else {
      const std::uint16_t v = m.format == Format::fp16 ? random.half() : random.bf16();
      std::memcpy(data.x.data() + std::size_t{col} * 2, &v, 2);
    }
  }
  return data;
}

Reference gemv_reference(const Matrix& m, const MatrixData& data, unsigned row) {
  double sum = 0, magnitude = 0;
  for (unsigned col = 0; col < m.cols; ++col) {
    const double scale =
        grouped(m.format) ? decode_half(data.scales[row * m.groups() + col / group]) : 1;
    const double term = scale * weight_at(m, data, row, col) * x_at(m, data, col);
    sum += term;
    magnitude += std::abs(term);
  }
  // 128 threads, each with a chain of roundings through its accesses, then 5 shuffles and 4 warps.
  const double accesses = std::ceil(static_cast<double>(m.row_words()) / 128);
  const double depth = accesses * (per_words(m.format) + 2) + 9;
  return {sum, rounding * depth * magnitude, magnitude};
}

std::string verify_gemv(const Device& d, Format format, std::uint64_t seed) {
  const unsigned per = per_words(format);
  for (const bool four : {false, true}) {
    // The last one takes the unrolled loop, what is left of it, and a part of an access.
    for (const auto& [rows, cols] : {std::pair{1u, 1u},
                                     {2u, per + 1},
                                     {5u, 131u * per + per / 2},
                                     {6u, (4 * 128 + 128 + 5) * per + per - 1}}) {
      if (auto wrong = verify_shape(d, {format, rows, cols}, four, ++seed); !wrong.empty())
        return wrong;
    }
  }
  return {};
}

}  // namespace limen::gpu
