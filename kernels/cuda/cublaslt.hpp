// cuBLASLt as the reference for matrix products; opened at run time, so that limen starts without
// it.
#pragma once

#include <memory>
#include <string>

#include "kernels/cuda/backend.hpp"
#include "kernels/cuda/words.hpp"
#include "model/work.hpp"

namespace limen::gpu {

// Y = X W^T for `tokens` rows of X: W is [row][col] and X [token][col] in fp32, fp16, bf16 or fp8,
// Y is [token][row] in bf16 (fp32 and fp16: in their own format). All are dense. fp8 takes
// multiples of 16 everywhere.
struct Product {
  Format format = Format::bf16;
  unsigned rows = 0, cols = 0, tokens = 1;
  std::size_t element_bytes() const {
    return format == Format::fp32 ? 4 : format == Format::fp8 ? 1 : 2;
  }
  std::size_t result_bytes() const {
    return std::size_t{rows} * tokens * (format == Format::fp32 ? 4 : 2);
  }
};
model::Work product_work(const Product& product);

class BlasLt {
 public:
  // Null if it is not there, with the reason in `why`.
  static std::unique_ptr<BlasLt> open(const Device& device, std::string& why);
  virtual ~BlasLt() = default;

  // Chooses how a product is computed; later calls of run() do that. DeviceError if it cannot.
  virtual void choose(const Product& product) = 0;
  virtual void run(const void* weights, const void* x, void* y) = 0;
  virtual std::string version() const = 0;
};

// Small products against double. Empty, or what is wrong.
std::string verify_blas(const Device& device, BlasLt& blas, Format format, std::uint64_t seed);

}  // namespace limen::gpu
