// The numbers that a small model is made of, to check a step.
#include <cmath>

#include "kernels/cpu/decode/reference.hpp"

namespace limen::kernels {
namespace {

// The same at any scale of the arguments, and nothing that repeats.
std::uint32_t mixed(std::size_t a, std::size_t b, std::size_t c, std::size_t d) {
  std::uint64_t x = a * 0x9E3779B97F4A7C15u + b * 0xC2B2AE3D27D4EB4Fu + c * 0x165667B19E3779F9u +
                    d * 0x27D4EB2F165667C5u + 1;
  x ^= x >> 31;
  x *= 0xD6E8FEB86659FD93u;
  return static_cast<std::uint32_t>(x >> 40);
}

}  // namespace

int Numbers::weight(std::size_t layer, Role role, std::size_t expert, std::size_t row,
                    std::size_t col) {
  // Routers' are such that in none of the shapes that steps are checked on the last expert that is
  // chosen and the first that is not are close: what is rounded would decide between them.
  const std::size_t apart = role == Role::router ? 20 * 100003 : 0;
  const auto matrix = (layer * 16 + static_cast<std::size_t>(role)) * 64 + expert + apart;
  return static_cast<int>(mixed(matrix, row, col, 0) % 15) - 7;
}
float Numbers::scale(Role role, std::size_t row) {
  // 1/64 to 1/16: a sum over 200 columns is then about 1; routers are apart enough not to tie.
  return std::ldexp(1.0f, -6 + static_cast<int>(row % 2) + (role == Role::router ? 2 : 0));
}
float Numbers::gain(std::size_t layer, std::size_t which, std::size_t i) {
  return 0.75f + static_cast<float>(mixed(layer, which, i, 1) % 9) / 16;
}
float Numbers::cached(std::size_t layer, std::size_t sequence, std::size_t head, std::size_t token,
                      std::size_t d, bool value) {
  return (static_cast<float>(mixed(layer * 512 + sequence, head, token, 2 * d + (value ? 1 : 0)) %
                             17) -
          8) /
         8;
}

float Numbers::index_key(std::size_t layer, std::size_t sequence, std::size_t token,
                         std::size_t d) {
  const bool minus = mixed(layer * 512 + sequence, token % 4, d, 2) % 2 == 1;
  const std::size_t level = (token * 37 + mixed(layer, sequence, 0, 3)) % 64;
  return std::ldexp(static_cast<float>(64 + level), -6) * (minus ? -1.0f : 1.0f);
}

std::vector<std::uint32_t> tokens_to_verify(const DecodeShape& whole) {
  std::vector<std::uint32_t> tokens;
  for (std::size_t i = 0; i < whole.sequences; ++i)
    tokens.push_back(static_cast<std::uint32_t>((i * 41 + 5) % whole.vocabulary));
  return tokens;
}

}  // namespace limen::kernels
