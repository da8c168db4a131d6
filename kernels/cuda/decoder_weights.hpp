// Weights of a decode step in a device's memory: random ones, made there; or those of the small
// model that steps are checked on.
#pragma once

#include "kernels/cpu/decode/reference.hpp"
#include "kernels/cuda/operations.hpp"

namespace limen::gpu {

// One matrix, or those of all experts or heads of a layer, one after the other.
struct Weights {
  Matrix matrix{};
  Memory<Words> words{};
  Memory<std::uint16_t> scales{};
};

Format format_of(kernels::Format weights);

// Of zero mean and a variance of about 1 / cols, so that a layer neither blows up what passes
// through it nor lets it fade. `count`: of experts or heads, or 1.
Weights random_weights(const Device& device, const kernels::Shape& shape, std::size_t count,
                       U32 seed);
// kernels::Numbers, of a slice's layer. Waits.
Weights numbered_weights(const Device& device, const kernels::DecodeShape& slice, std::size_t layer,
                         kernels::Role role);

// Random bits where `keep` has ones, those of `set` elsewhere.
void randomize(const Device& device, Words* to, std::size_t n, U32 keep, U32 set, U32 seed);

}  // namespace limen::gpu
