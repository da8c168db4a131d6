#include "kernels/cpu/decode/cache.hpp"

#include <algorithm>

namespace limen::kernels {

model::Work attention_work(const CacheShape& shape) {
  const auto tokens = static_cast<double>(shape.heads() * shape.context);
  const auto key = static_cast<double>(shape.key_dim()),
             value = static_cast<double>(shape.head_dim);
  return {model::bytes(2 * tokens * (shape.latent() ? key : key + value)), model::bytes(0.0),
          model::flops(2 * tokens * (key + value) * static_cast<double>(shape.group))};
}

std::size_t chunks_in(const std::vector<Piece>& pieces) {
  std::size_t sum = 0;
  for (const Piece& p : pieces) sum += p.chunks;
  return sum;
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
