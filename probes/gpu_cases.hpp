// Cases of one GPU that several probes measure, each for a reason of its own: streams through
// memory, and products of a matrix with one token and with many.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cuda/cublaslt.hpp"
#include "probes/gpu_bench.hpp"

namespace limen::probes {

// `bytes` of all arrays together; a grid of as many blocks as fill the device, over `share`.
GpuCase stream_case(GpuBench& bench, std::size_t device, gpu::Stream kernel, std::size_t bytes,
                    unsigned share);

// Rows and columns of the matrices of LLM layers.
using Shape = std::pair<unsigned, unsigned>;
std::vector<Shape> layer_shapes(bool quick);

// Our own kernel, one token, on the first device; in a graph or in a stream.
GpuCase gemv_case(GpuBench& bench, const gpu::Matrix& matrix, bool graph);

// cuBLASLt on the first device, opened by the first case that needs it.
class Blas {
 public:
  explicit Blas(const gpu::Device& device) : device_(device) {}
  gpu::BlasLt& get();  // NotHere if it is not there

 private:
  const gpu::Device& device_;
  std::unique_ptr<gpu::BlasLt> library_;
};
GpuCase blas_case(GpuBench& bench, const std::shared_ptr<Blas>& blas, const gpu::Product& product);

}  // namespace limen::probes
