#include "kernels/cpu/matrix.hpp"

#include <bit>
#include <cstring>

namespace limen::kernels {
namespace {

std::uint16_t to_bf16(float value) {  // exact for what fits 8 bits of significand
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
}
float from_bf16(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

template <class T>
void put(std::byte* to, std::size_t index, T value) {
  std::memcpy(to + index * sizeof(T), &value, sizeof(T));
}
template <class T>
T get(const std::byte* from, std::size_t index) {
  T value;
  std::memcpy(&value, from + index * sizeof(T), sizeof(T));
  return value;
}

// Where weight k lies in the int4 layout: a 16-bit word and a shift.
struct Nibble {
  std::size_t word;
  unsigned shift;
};
Nibble nibble(std::size_t k) {
  const std::size_t in_group = k % group;
  return {k / group * 32 + in_group % 32, static_cast<unsigned>(4 * (in_group / 32))};
}

}  // namespace

const char* name(Format format) {
  switch (format) {
    case Format::fp32:
      return "fp32";
    case Format::fp64:
      return "fp64";
    case Format::bf16:
      return "bf16";
    case Format::int8:
      return "int8";
    case Format::int4:
      return "int4";
  }
  return "";
}

std::size_t Shape::row_bytes() const {
  switch (format) {
    case Format::fp32:
      return 4 * cols;
    case Format::fp64:
      return 8 * cols;
    case Format::bf16:
      return 2 * cols;
    case Format::int8:
      return groups() * group;
    case Format::int4:
      return groups() * group / 2;
  }
  return 0;
}

model::Work gemm_work(const Shape& shape, std::size_t tokens) {
  const auto d = [](std::size_t n) { return static_cast<double>(n); };
  const double weights = d(shape.rows) * d(shape.row_bytes() + 2 * shape.groups());
  const double x = d(shape.cols) * d(tokens) * d(shape.value_bytes());
  const double y = d(shape.rows) * d(tokens) * d(shape.value_bytes());
  return {model::bytes(weights + x), model::bytes(y),
          model::flops(2 * d(shape.rows) * d(shape.cols) * d(tokens))};
}

Shard split_rows(const Shape& shape, std::size_t member, std::size_t members) {
  const auto mine = part_of(shape.rows, member, members);
  Shard shard;
  for (std::size_t b = 0; b < bands; ++b) {
    const auto range = part_of(mine.rows, b, bands);
    shard[b].first_row = mine.first + range.first;
    shard[b].rows = range.rows;
  }
  return shard;
}

void encode_row(const Shape& shape, const std::vector<int>& weight, const std::vector<float>& scale,
                std::byte* to, std::uint16_t* scales) {
  std::memset(to, 0, shape.row_bytes());
  for (std::size_t g = 0; g < shape.groups(); ++g) scales[g] = to_bf16(scale[g]);
  for (std::size_t k = 0; k < shape.cols; ++k) {
    switch (shape.format) {
      case Format::fp32:
        put(to, k, static_cast<float>(weight[k]));
        break;
      case Format::fp64:
        put(to, k, static_cast<double>(weight[k]));
        break;
      case Format::bf16:
        put(to, k, to_bf16(static_cast<float>(weight[k])));
        break;
      case Format::int8:
        put(to, k, static_cast<std::int8_t>(weight[k]));
        break;
      case Format::int4: {
        const auto [word, shift] = nibble(k);
        const auto rest = get<std::uint16_t>(to, word) & ~(0xFu << shift);
        put(to, word,
            static_cast<std::uint16_t>(rest | (static_cast<unsigned>(weight[k]) & 0xFu) << shift));
        break;
      }
    }
  }
}

double decode(const Shape& shape, const std::byte* row, const std::uint16_t* scales,
              std::size_t k) {
  switch (shape.format) {
    case Format::fp32:
      return get<float>(row, k);
    case Format::fp64:
      return get<double>(row, k);
    case Format::bf16:
      return from_bf16(get<std::uint16_t>(row, k));
    case Format::int8:
      return double{from_bf16(scales[k / group])} * get<std::int8_t>(row, k);
    case Format::int4: {
      const auto [word, shift] = nibble(k);
      const int stored = static_cast<int>(get<std::uint16_t>(row, word) >> shift & 0xFu);
      return double{from_bf16(scales[k / group])} * (stored < 8 ? stored : stored - 16);
    }
  }
  return 0;
}

}  // namespace limen::kernels
