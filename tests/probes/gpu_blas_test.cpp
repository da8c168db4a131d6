// The check of a library's products: right ones pass in every format, and what a wrong layout, type
// or size makes of them does not.
#include <gmock/gmock.h>

#include <cstring>
#include <map>

#include "kernels/cuda/cublaslt.hpp"
#include "kernels/cuda/host_backend.hpp"
#include "kernels/cuda/numbers.hpp"

namespace limen::gpu {
namespace {

using testing::HasSubstr;

enum class Bug { none, x_transposed, weights_transposed, last_token, result_type, second_way };

double element(Format f, const void* p, std::size_t i) {
  const auto* bytes = static_cast<const std::uint8_t*>(p);
  if (f == Format::fp8) return decode_e4m3(bytes[i]);
  if (f == Format::int8) return static_cast<std::int8_t>(bytes[i]);
  std::uint32_t bits = 0;
  std::memcpy(&bits, bytes + (f == Format::fp32 ? 4 : 2) * i, f == Format::fp32 ? 4 : 2);
  return f == Format::fp32   ? static_cast<double>(std::bit_cast<float>(bits))
         : f == Format::fp16 ? decode_half(bits)
                             : decode_bf16(bits);
}

const std::map<double, std::uint16_t>& halves() {
  static const auto all = [] {
    std::map<double, std::uint16_t> by_value;
    for (std::uint16_t code = 0xfbff; code > 0; --code) by_value[decode_half(code)] = code;
    by_value[0] = 0;
    return by_value;
  }();
  return all;
}

void store(Format f, void* y, std::size_t i, double value) {
  auto* bytes = static_cast<std::uint8_t*>(y);
  if (f == Format::int8) {
    const auto whole = static_cast<std::int32_t>(value);
    std::memcpy(bytes + 4 * i, &whole, 4);
  } else if (f == Format::fp32) {
    const auto single = static_cast<float>(value);
    std::memcpy(bytes + 4 * i, &single, 4);
  } else {
    std::uint16_t two = 0;
    if (f == Format::fp16) {
      two = halves().at(value);
    } else {
      two = static_cast<std::uint16_t>(
          (std::bit_cast<std::uint32_t>(static_cast<float>(value)) + 0x8000u) >> 16);
    }
    std::memcpy(bytes + 2 * i, &two, 2);
  }
}

struct OnHost : BlasLt {
  OnHost(const Device& device, Bug b) : d(device), bug(b) {}
  const Device& d;
  Bug bug;

  struct Chosen : BlasProduct {
    Chosen(const Device& device, const Product& product, Bug b) : d(device), p(product), bug(b) {}
    const Device& d;
    Product p;
    Bug bug;
    std::size_t way = 0;
    std::size_t ways() const override { return 2; }
    void use(std::size_t w) override { way = w; }
    void run(const void* w, const void* x, void* y) override {
      d.synchronize();  // what was sent before it is done before it
      for (std::size_t t = 0; t < p.tokens - (bug == Bug::last_token); ++t) {
        for (std::size_t r = 0; r < p.rows; ++r) {
          double sum = bug == Bug::second_way ? static_cast<double>(way) : 0;
          for (std::size_t c = 0; c < p.cols; ++c)
            sum +=
                element(p.format, w,
                        bug == Bug::weights_transposed ? c * p.rows + r : r * p.cols + c) *
                element(p.format, x, bug == Bug::x_transposed ? c * p.tokens + t : t * p.cols + c);
          const bool swapped = bug == Bug::result_type;
          store(!swapped                   ? p.format
                : p.format == Format::int8 ? Format::fp32
                : p.format == Format::fp32 ? Format::int8
                : p.format == Format::fp16 ? Format::bf16
                                           : Format::fp16,
                y, t * p.rows + r, sum);
        }
      }
    }
  };
  std::unique_ptr<BlasProduct> choose(const Product& p) override {
    return std::make_unique<Chosen>(d, p, bug);
  }
};

std::string verdict(Bug bug, Format format, unsigned tokens) {
  HostBackend backend;
  const Device d(backend, 0);
  OnHost blas(d, bug);
  return verify_blas(d, blas, format, tokens, 7);
}

constexpr Format formats[] = {Format::fp32, Format::fp16, Format::bf16, Format::fp8, Format::int8};

TEST(VerifyBlas, RightProductsPass) {
  for (const auto f : formats)
    for (const unsigned tokens : {1u, 2u, 33u}) EXPECT_EQ(verdict(Bug::none, f, tokens), "");
}

TEST(VerifyBlas, WrongOnesDoNot) {
  for (const auto f : formats) {
    for (const auto bug : {Bug::weights_transposed, Bug::last_token, Bug::result_type,
                           Bug::second_way, Bug::x_transposed})
      EXPECT_THAT(verdict(bug, f, 3), HasSubstr(std::string("cuBLASLt ") + name(f)))
          << static_cast<int>(bug);
    EXPECT_NE(verdict(Bug::last_token, f, 1), "");
  }
}

TEST(VerifyBlas, ElementsOfLargeProductsHaveAReference) {
  // 3 * 2 - 1 * 2 in fp8 and in int8.
  const std::vector<std::uint8_t> w = {0x44, 0xb8}, x = {0x40, 0x40};
  EXPECT_EQ(product_reference(Format::fp8, w, x).value, 4);
  EXPECT_EQ(product_reference(Format::int8, {3, 0xff}, {2, 2}).value, 4);
  EXPECT_EQ(product_reference(Format::int8, {3, 0xff}, {2, 2}).tolerance, 0);
  const std::vector<std::uint8_t> large(2, 0x7b);  // fp16: 61,280 squared
  EXPECT_TRUE(std::isinf(product_reference(Format::fp16, large, large).tolerance));
}

}  // namespace
}  // namespace limen::gpu
