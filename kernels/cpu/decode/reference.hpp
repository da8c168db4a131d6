// What every decode step, on CPUs or GPUs, has in common: the names of its parts, and the plain
// reading of a small model in fp64 that it is checked against.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cpu/decode/shape.hpp"

namespace limen::kernels {

// The parts of a step, named as the model's operators are.
enum class Op { qkv, attention, output, gate_up, down, router, experts, head, exchange, rest };
inline constexpr std::array<const char*, 10> op_names{"qkv",      "attention", "output",  "gate-up",
                                                      "down",     "router",    "experts", "head",
                                                      "exchange", "rest"};
using OpSeconds = std::array<double, op_names.size()>;

// Queries and keys are rotated by position * rotation_base^(-2 i / dim).
inline constexpr double rotation_base = 500000;

// Where a small model's numbers come from, to check a step.
struct Numbers {
  // Weights are integers from -7 to 7 times a power of two a row.
  static int weight(std::size_t layer, Role role, std::size_t expert, std::size_t row,
                    std::size_t col);
  static float scale(Role role, std::size_t row);
  static float gain(std::size_t layer, std::size_t which, std::size_t i);
  static float cached(std::size_t layer, std::size_t sequence, std::size_t head, std::size_t token,
                      std::size_t d, bool value);
  // Of an indexer. Scores of every fourth token differ by these levels alone, however they are
  // rounded.
  static float index_key(std::size_t layer, std::size_t sequence, std::size_t token, std::size_t d);
};

// The tokens that a check of a step begins with, one a sequence.
std::vector<std::uint32_t> tokens_to_verify(const DecodeShape& whole);
// Compares what the slice of a rank made of them with plain fp64 arithmetic over the whole model:
// its logits, [sequence][vocabulary of the slice], to `tolerance` of their spread, and the tokens
// that come next. Empty, or what is wrong.
std::string wrong_step(const DecodeShape& whole, std::size_t rank, std::size_t ranks,
                       const std::vector<float>& logits, const std::vector<std::uint32_t>& next,
                       double tolerance);

}  // namespace limen::kernels
