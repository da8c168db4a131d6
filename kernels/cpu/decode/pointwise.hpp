// What a decode step does between its matrix products: norms, rotation, gates, the choice of
// experts and of a token. All in fp32, a vector at a time; each is a ten-thousandth of a step.
#pragma once

#include <cstddef>
#include <cstdint>

namespace limen::kernels {

// residual += delta (unless null); to = residual / rms(residual) * gain, n elements; epsilon 1e-6.
void add_and_norm(float* residual, const float* delta, const float* gain, std::size_t n, float* to);
void add(float* residual, const float* delta, std::size_t n);

// The cosine and sine of position * base^(-2 i / dim), for i < dim / 2, one after the other.
void rotation(std::size_t position, std::size_t dim, double base, float* cosine, float* sine);
// Rotates element i with element i + dim / 2.
void rotate(float* head, std::size_t dim, const float* cosine, const float* sine);

// to = gate * sigmoid(gate) * up, or without the last.
void gate(const float* gate, const float* up, std::size_t n, float* to);

// to += weight * from.
void accumulate(float* to, const float* from, float weight, std::size_t n);

void round_to_bf16(const float* from, std::size_t n, std::uint16_t* to);

// The index of the largest element; of equals the first.
std::size_t largest_of(const float* values, std::size_t n);

// The `k` largest of n scores, largest first, and their softmax among themselves, or their sigmoids
// as shares of the sum.
void choose(const float* scores, std::size_t n, std::size_t k, std::uint32_t* chosen,
            float* weights, bool sigmoid = false);

}  // namespace limen::kernels
