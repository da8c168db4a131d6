// Weight matrices as the kernels want them: five formats, split over threads by rows, each thread's
// rows in four bands.
//
// A row is stored densely, rows of a band one after the other.
//
// fp32, fp64, bf16: the elements.
//
// int8: groups of 128 weights along the row, 128 bytes each, in order; one bf16 scale a group, in
// an array of its own.
//
// int4: groups of 128 weights, 64 bytes each: as 32 words of 16 bits, nibble q of word j is weight
// 32 q + j in two's complement; scales as for int8. Unpacking is two shifts, whatever the vector's
// width.
//
// The last group of a row is filled up with zeros.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/work.hpp"

namespace limen::kernels {

enum class Format { fp32, fp64, bf16, int8, int4 };
inline constexpr std::array<Format, 5> all_formats{Format::fp32, Format::fp64, Format::bf16,
                                                   Format::int8, Format::int4};
const char* name(Format format);

inline constexpr std::size_t group = 128;
inline constexpr std::size_t bands = 4;

struct Shape {
  Format format = Format::fp32;
  std::size_t rows = 0, cols = 0;

  constexpr bool quantized() const { return format == Format::int8 || format == Format::int4; }
  constexpr std::size_t groups() const { return quantized() ? (cols + group - 1) / group : 0; }
  std::size_t row_bytes() const;  // of weights
  std::size_t value_bytes() const {
    return format == Format::fp64 ? 8 : 4;
  }  // of an element of x or y
};

// Y = A X for `tokens` columns. Claim: weights and scales and x read once, y written once, 2 rows
// cols tokens flops.
model::Work gemm_work(const Shape& shape, std::size_t tokens);

// Rows first_row .. first_row + rows - 1 of the matrix, in memory.
struct Band {
  const std::byte* weights = nullptr;
  const std::uint16_t* scales = nullptr;  // bf16, [row][group]
  std::size_t first_row = 0, rows = 0;
};
// A thread's part. Four bands at distant places, walked at the same pace, look like four endless
// streams.
using Shard = std::array<Band, bands>;

struct RowRange {
  std::size_t first, rows;
};
// Part `index` of `parts` of `rows` rows.
constexpr RowRange part_of(std::size_t rows, std::size_t index, std::size_t parts) {
  const std::size_t first = rows * index / parts;
  return {first, rows * (index + 1) / parts - first};
}
// The row numbers of member's bands; the pointers are the caller's to set.
Shard split_rows(const Shape& shape, std::size_t member, std::size_t members);

// Writes one row of small integers `weight[k]` as `format` stores them; `scale[g]` is a group's
// scale.
void encode_row(const Shape& shape, const std::vector<int>& weight, const std::vector<float>& scale,
                std::byte* to, std::uint16_t* scales);
// Weight k of a stored row, its scale applied: the plain reading that kernels are checked against.
double decode(const Shape& shape, const std::byte* row, const std::uint16_t* scales, std::size_t k);

}  // namespace limen::kernels
