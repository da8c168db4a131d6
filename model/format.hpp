// Number formats: how weights and the KV cache are stored, and which of a machine's peaks and laws
// a format runs under.
#pragma once

#include <array>

namespace limen::model {

// The first six are also classes of a machine: what its file may name a peak (compute.bf16) and a
// law (linear.bf16) for.
enum class Format {
  fp32,
  bf16,  // and any other float of 16 bits
  fp8,   // one scale a tensor
  int8,
  int4,
  fp4,        // E2M1: a class only, nobody stores it without scales
  fp8_block,  // one scale for 128 x 128 weights, as DeepSeek-V3
  int4_g32,   // int4 in groups of 32
  awq,        // int4 whose groups have a zero point beside the scale; products in 16 bits
  mxfp4,      // E2M1, OCP Microscaling
  nvfp4,      // E2M1, one scale of 8 bits for 16 weights and one a tensor
};

// What there is to know about a format. A scale for a whole tensor (fp8, nvfp4) is 4 bytes in tens
// of millions and not counted.
struct FormatFacts {
  const char* name;
  Format family;      // the machine's class whose peak and law it runs under
  double bits;        // an element
  double group;       // elements that share what follows
  double group_bits;  // scale and zero point of a group
  double weight_bytes = (bits + group_bits / group) / 8;
};

inline constexpr FormatFacts format_facts[] = {
    {"fp32", Format::fp32, 32, 1, 0},
    {"bf16", Format::bf16, 16, 1, 0},
    {"fp8", Format::fp8, 8, 1, 0},
    {"int8", Format::int8, 8, 128, 16},
    {"int4", Format::int4, 4, 128, 16},
    {"fp4", Format::fp4, 4, 1, 0},
    {"fp8-block", Format::fp8, 8, 128 * 128, 32},
    {"int4-g32", Format::int4, 4, 32, 16},
    {"awq", Format::int4, 4, 128, 16 + 4},
    {"mxfp4", Format::fp4, 4, 32, 8},
    {"nvfp4", Format::fp4, 4, 16, 8},
};
constexpr const FormatFacts& facts(Format f) { return format_facts[static_cast<int>(f)]; }

constexpr const char* name(Format f) { return facts(f).name; }

// Of a machine; for weights; for the KV cache.
inline constexpr std::array formats = {Format::fp32, Format::bf16, Format::fp8,
                                       Format::int8, Format::int4, Format::fp4};
inline constexpr std::array weight_formats = {
    Format::fp32, Format::bf16,     Format::fp8, Format::fp8_block, Format::int8,
    Format::int4, Format::int4_g32, Format::awq, Format::mxfp4,     Format::nvfp4};
inline constexpr std::array kv_formats = {Format::fp32, Format::bf16, Format::fp8, Format::int8,
                                          Format::int4};

// Classes whose peak products with such weights may reach, the fastest first; a machine has that of
// the first one that it names. Everything can be unpacked into bf16, and that into fp32; a 4-bit
// float is exact in 8 bits, too. AWQ leaves activations at 16 bits.
constexpr std::array<Format, 4> computed_in(Format f) {
  const Format own = facts(f).family;
  if (own == Format::fp4) return {Format::fp4, Format::fp8, Format::bf16, Format::fp32};
  const Format first = f == Format::awq ? Format::bf16 : own;
  return {first, Format::bf16, Format::fp32, Format::fp32};
}

constexpr double element_bytes(Format f) { return facts(f).bits / 8; }

// Bytes a weight takes in memory, its share of the group's scale and zero point included.
constexpr double weight_bytes(Format f) { return facts(f).weight_bytes; }

}  // namespace limen::model
