#include "kernels/cpu/decode/cache.hpp"

#include <algorithm>

namespace limen::kernels {

model::Work attention_work(const CacheShape& shape) {
  const double elements = 2.0 * static_cast<double>(shape.heads() * shape.context * shape.head_dim);
  return {model::bytes(2 * elements), model::bytes(0.0),
          model::flops(2 * elements * static_cast<double>(shape.group))};
}

std::vector<Piece> pieces_of(const CacheShape& shape, std::size_t member, std::size_t members) {
  std::vector<Piece> pieces;
  const auto mine = part_of(shape.heads() * shape.chunks(), member, members);
  for (std::size_t at = 0; at < mine.rows;) {
    const std::size_t head = (mine.first + at) / shape.chunks();
    const std::size_t first = (mine.first + at) % shape.chunks();
    const std::size_t chunks = std::min(shape.chunks() - first, mine.rows - at);
    pieces.push_back({head, first, chunks, at});
    at += chunks;
  }
  return pieces;
}

}  // namespace limen::kernels
