// Numbers of the formats on the host: what they mean, in double, and random ones. Written apart
// from the kernels' own conversions, which are checked against these.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace limen::gpu {

// A number with a sign bit, `exponent` bits with that bias, and `digits` bits of fraction.
inline double decode(std::uint32_t bits, int exponent, int digits, int bias) {
  const bool negative = bits >> (exponent + digits) & 1;
  const int e = static_cast<int>(bits >> digits & ((1u << exponent) - 1));
  const double fraction = static_cast<double>(bits & ((1u << digits) - 1)) / (1u << digits);
  const double value = e == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, e - bias);
  return negative ? -value : value;
}
inline double decode_half(std::uint32_t bits) { return decode(bits, 5, 10, 15); }
inline double decode_bf16(std::uint32_t bits) { return decode(bits, 8, 7, 127); }
// The bf16 that is this number, which must be one.
inline std::uint16_t exact_bf16(float number) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(number) >> 16);
}
inline double decode_e4m3(std::uint32_t bits) { return decode(bits, 4, 3, 7); }

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint32_t bits() { return static_cast<std::uint32_t>(engine_()); }
  // Both signs, magnitudes from 1/8 to 2, exact in every format of 16 bits.
  std::uint16_t half() {
    return static_cast<std::uint16_t>((bits() & 0x83ffu) | (12 + bits() % 4) << 10);
  }
  std::uint16_t bf16() {
    return static_cast<std::uint16_t>((bits() & 0x807fu) | (124 + bits() % 4) << 7);
  }
  float fp32() { return std::bit_cast<float>((bits() & 0x807fffffu) | (124 + bits() % 4) << 23); }
  std::uint8_t e4m3() {  // any but the two that are no numbers
    const auto code = static_cast<std::uint8_t>(bits());
    return (code & 0x7f) == 0x7f ? static_cast<std::uint8_t>(code ^ 1) : code;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace limen::gpu
