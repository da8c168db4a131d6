// Is each kernel right? Random data, poisoned outputs with guards behind them, sizes that are no
// multiple of anything, and a reference in double on the host.
//
// Empty, or what is wrong, in one line. A result may differ from the reference by the rounding that
// its arithmetic can have, counted for the case: `depth` roundings of 2^-24 on the sum of the
// magnitudes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cuda/operations.hpp"
#include "kernels/cuda/peers.hpp"

namespace limen::gpu {

std::string verify_stream(const Device& device, Stream kernel, std::uint64_t seed);
std::string verify_chase(const Device& device, std::uint64_t seed);
std::string verify_gemv(const Device& device, Format format, std::uint64_t seed);
// Products of several tokens and of experts, on tensor cores or without.
std::string verify_gemm(const Device& device, Format format, bool tensor_cores, std::uint64_t seed);
std::string verify_attention(const Device& device, Format cache, unsigned heads_per_kv,
                             std::uint64_t seed);
// `selected`: of more rows than are seen, some are picked.
std::string verify_latent(const Device& device, unsigned heads, bool selected, std::uint64_t seed);
std::string verify_index(const Device& device, std::uint64_t seed);
std::string verify_rms_norm(const Device& device, std::uint64_t seed);
std::string verify_swiglu(const Device& device, std::uint64_t seed);
std::string verify_launch(const Device& device);  // the empty kernel, in a stream and in a graph
std::string verify_multiply_add(const Device& device);
std::string verify_grid_barrier(const Device& device);
std::string verify_pingpong(const Device& first, const Device& second);  // may be one device
std::string verify_all_reduce(const std::vector<const Device*>& devices, AllReduce kind,
                              std::uint64_t seed);

// The cycle of a chase: indexes of 32-bit words, `line` bytes apart, `lines` of them, from 0 on.
std::vector<U32> chase_cycle(std::size_t lines, std::size_t line, std::uint64_t seed);

// What thread `thread` of a block leaves after so many rounds, to the bit.
float multiply_add_reference(std::size_t thread, unsigned rounds);

// Random weights, scales and x of a matrix as they lie in memory, padding poisoned.
struct MatrixData {
  std::vector<Words> weights;
  std::vector<std::uint16_t> scales;
  std::vector<std::uint8_t> x;
};
MatrixData random_matrix(const Matrix& matrix, std::uint64_t seed);
// Row `row` of the product in double, and how far a right kernel may be from it.
struct Reference {
  double value = 0, tolerance = 0, magnitude = 0;  // the sum of the terms' magnitudes
};
Reference gemv_reference(const Matrix& matrix, const MatrixData& data, unsigned row);

}  // namespace limen::gpu
