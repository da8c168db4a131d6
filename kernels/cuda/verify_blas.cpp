#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "kernels/cuda/cublaslt.hpp"
#include "kernels/cuda/numbers.hpp"

namespace limen::gpu {

model::Work product_work(const Product& p) {
  const double weights = static_cast<double>(p.rows) * p.cols,
               x = static_cast<double>(p.tokens) * p.cols;
  return {model::bytes((weights + x) * static_cast<double>(p.element_bytes())),
          model::bytes(static_cast<double>(p.result_bytes())),
          model::flops(2 * weights * p.tokens)};
}

namespace {

double decode_as(Format f, const std::uint8_t* p, std::size_t i) {
  if (f == Format::fp8) return decode_e4m3(p[i]);
  if (f == Format::int8) return static_cast<std::int8_t>(p[i]);
  if (f == Format::fp32) {
    float v;
    std::memcpy(&v, p + 4 * i, 4);
    return static_cast<double>(v);
  }
  std::uint16_t v;
  std::memcpy(&v, p + 2 * i, 2);
  return f == Format::fp16 ? decode_half(v) : decode_bf16(v);
}
// Integers from -3 to 3, which every format holds and every order of adding keeps.
std::vector<std::uint8_t> small_integers(Format f, std::size_t n, Random& random) {
  constexpr std::uint8_t fp8[] = {0x00, 0x38, 0x40, 0x44, 0xb8, 0xc0, 0xc4};  // 0, 1, 2, 3, -1, ...
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i < n; ++i) {
    const auto code = fp8[random.bits() % 7];
    const auto v = static_cast<float>(decode_e4m3(code));
    if (f == Format::fp8 || f == Format::int8) {
      out.push_back(f == Format::fp8 ? code
                                     : static_cast<std::uint8_t>(static_cast<std::int8_t>(v)));
      continue;
    }
    const auto bits = std::bit_cast<std::uint32_t>(v);
    if (f == Format::fp32) {
      for (int k = 0; k < 4; ++k) out.push_back(static_cast<std::uint8_t>(bits >> 8 * k));
      continue;
    }
    // fp16 of a number whose exponent is small and whose digits are few.
    const std::uint32_t half =
        v == 0
            ? 0
            : (bits >> 16 & 0x8000u) | (((bits >> 23 & 0xffu) - 112) << 10) | (bits >> 13 & 0x3ffu);
    const std::uint32_t two = f == Format::fp16 ? half : bits >> 16;
    out.push_back(static_cast<std::uint8_t>(two));
    out.push_back(static_cast<std::uint8_t>(two >> 8));
  }
  return out;
}

}  // namespace

Reference product_reference(Format format, const std::vector<std::uint8_t>& weights,
                            const std::vector<std::uint8_t>& x) {
  const std::size_t n = weights.size() / Product{format}.element_bytes();
  double sum = 0, magnitude = 0;
  for (std::size_t c = 0; c < n; ++c) {
    const double term = decode_as(format, weights.data(), c) * decode_as(format, x.data(), c);
    sum += term;
    magnitude += std::abs(term);
  }
  // Multipliers of matrices add with fewer digits than fp32, those of fp8 with some 13; the result
  // is rounded to bf16 at worst.
  constexpr double most_half = 65504;  // beyond it the result is infinite
  if (format == Format::int8) return {sum, 0, magnitude};
  if (format == Format::fp16 && std::abs(sum) > 0.99 * most_half) return {sum, INFINITY, magnitude};
  return {sum, magnitude / (format == Format::fp8 ? 512 : 4096) + std::abs(sum) / 256, magnitude};
}

double result_of(Format format, const std::uint8_t* y, std::size_t i) {
  if (format != Format::int8) return decode_as(format == Format::fp8 ? Format::bf16 : format, y, i);
  std::int32_t v;
  std::memcpy(&v, y + 4 * i, 4);
  return v;
}

std::string verify_blas(const Device& d, BlasLt& blas, Format format, unsigned tokens,
                        std::uint64_t seed) {
  Random random(seed);
  for (const Product& p : {Product{format, 48, 64, tokens}, Product{format, 160, 32, tokens}}) {
    const auto w = small_integers(format, std::size_t{p.rows} * p.cols, random);
    const auto x = small_integers(format, std::size_t{p.tokens} * p.cols, random);
    const auto dw = upload(d, w), dx = upload(d, x);
    const auto y = upload(d, std::vector<std::uint8_t>(p.result_bytes(), 0xff));
    const auto product = blas.choose(p);
    for (std::size_t way = 0; way < product->ways(); ++way) {
      d.fill(y.data(), 0xff, y.size());
      product->use(way);
      product->run(dw.data(), dx.data(), y.data());
      const auto got = download(d, y.data(), y.size());
      for (std::size_t t = 0; t < p.tokens; ++t) {
        for (std::size_t r = 0; r < p.rows; ++r) {
          double want = 0;
          for (std::size_t c = 0; c < p.cols; ++c)
            want += decode_as(format, w.data(), r * p.cols + c) *
                    decode_as(format, x.data(), t * p.cols + c);
          const double result = result_of(format, got.data(), t * p.rows + r);
          if (!(std::abs(result - want) <= std::abs(want) / 256))  // bf16 rounds; integers do not
            return fmt::format("cuBLASLt {}: row {} of token {} is {}, not {}", name(format), r, t,
                               result, want);
        }
      }
    }
  }
  return {};
}

}  // namespace limen::gpu
