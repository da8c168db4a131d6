// Number formats of weights and of the KV cache.
#pragma once

#include <array>

namespace limen::model {

enum class Format { fp32, bf16, fp8, int8, int4 };

inline constexpr std::array formats = {Format::fp32, Format::bf16, Format::fp8, Format::int8,
                                       Format::int4};

constexpr const char* name(Format f) {
  switch (f) {
    case Format::fp32:
      return "fp32";
    case Format::bf16:
      return "bf16";
    case Format::fp8:
      return "fp8";
    case Format::int8:
      return "int8";
    case Format::int4:
      return "int4";
  }
  return "";
}

// Weights that share one 16-bit scale; 0: none. int8 and int4 as the kernels have them, fp8 with
// one scale a tensor.
constexpr int group_size(Format f) { return f == Format::int8 || f == Format::int4 ? 128 : 0; }

constexpr double element_bytes(Format f) {
  switch (f) {
    case Format::fp32:
      return 4;
    case Format::bf16:
      return 2;
    case Format::fp8:
      return 1;
    case Format::int8:
      return 1;
    case Format::int4:
      return 0.5;
  }
  return 0;
}

// Bytes a weight takes in memory, its share of the group's scale included.
constexpr double weight_bytes(Format f) {
  return element_bytes(f) + (group_size(f) ? 2.0 / group_size(f) : 0.0);
}

}  // namespace limen::model
