// cuBLASLt as the reference for matrix products; opened at run time, so that limen starts without
// it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/backend.hpp"
#include "kernels/cuda/verify.hpp"
#include "kernels/cuda/words.hpp"
#include "model/work.hpp"

namespace limen::gpu {

// Y = X W^T for `tokens` rows of X: W is [row][col] and X [token][col] in the same format: fp32,
// fp16, bf16, fp8 or int8. Y is [token][row] in fp32 or fp16 like them, bf16 of bf16 and fp8, or
// 32-bit integers of int8. All are dense; rows and columns of fp8 and int8 are multiples of 16.
struct Product {
  Format format = Format::bf16;
  unsigned rows = 0, cols = 0, tokens = 1;
  std::size_t element_bytes() const {
    return format == Format::fp32 ? 4 : format == Format::fp8 || format == Format::int8 ? 1 : 2;
  }
  std::size_t result_bytes() const {
    return std::size_t{rows} * tokens * (format == Format::fp32 || format == Format::int8 ? 4 : 2);
  }
};
model::Work product_work(const Product& product);

// A product that the library has found ways to compute.
class BlasProduct {
 public:
  virtual ~BlasProduct() = default;
  // How many, what it takes for the fastest first; that one is used until another is asked for.
  virtual std::size_t ways() const = 0;
  virtual void use(std::size_t way) = 0;
  virtual void run(const void* weights, const void* x, void* y) = 0;
};

class BlasLt {
 public:
  // Null if it is not there, with the reason in `why`.
  static std::unique_ptr<BlasLt> open(const Device& device, std::string& why);
  virtual ~BlasLt() = default;

  // DeviceError, not supported, if it knows no way on this device. The product must not outlive
  // the library.
  virtual std::unique_ptr<BlasProduct> choose(const Product& product) = 0;
};

// Small products of so many tokens against integers. Empty, or what is wrong.
std::string verify_blas(const Device& device, BlasLt& blas, Format format, unsigned tokens,
                        std::uint64_t seed);

// One element of a product: of a row of weights and a row of x, as they lie in memory; and element
// `i` of what was computed.
Reference product_reference(Format format, const std::vector<std::uint8_t>& weights,
                            const std::vector<std::uint8_t>& x);
double result_of(Format format, const std::uint8_t* y, std::size_t i);

}  // namespace limen::gpu
