#include <algorithm>
#include <bit>
#include <numeric>

#include <fmt/format.h>

#include "kernels/cpu/buffer.hpp"
#include "kernels/cpu/decode/index.hpp"
#include "kernels/cpu/team.hpp"

namespace limen::kernels {
namespace {

// Small integers, so that scores are exact and some are equal.
int key_value(std::size_t sequence, std::size_t token, std::size_t d) {
  return static_cast<int>((sequence * 131 + token * 29 + d * 7 + token * d % 11) % 5) - 2;
}
int query_value(std::size_t sequence, std::size_t head, std::size_t d) {
  return static_cast<int>((sequence * 17 + head * 37 + d * 11 + d / 16) % 7) - 3;
}
int weight_value(std::size_t sequence, std::size_t head) {
  return static_cast<int>((sequence * 3 + head * 5) % 7) - 2;
}

std::vector<std::uint32_t> plain_selection(const IndexShape& s, std::size_t sequence) {
  std::vector<long> score(s.context);
  for (std::size_t t = 0; t < s.context; ++t) {
    for (std::size_t h = 0; h < s.heads; ++h) {
      long product = 0;
      for (std::size_t d = 0; d < s.dim; ++d)
        product += query_value(sequence, h, d) * key_value(sequence, t, d);
      score[t] += weight_value(sequence, h) * std::max(0L, product);
    }
  }
  std::vector<std::uint32_t> order(s.context);
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return score[a] > score[b]; });
  order.resize(s.selected());
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace

std::string verify_index(Team& team, int members, const IndexShape& s) {
  Indexer indexer(s, static_cast<std::size_t>(members));
  std::vector<float> queries, weights;
  for (std::size_t i = 0; i < s.sequences; ++i) {
    for (std::size_t h = 0; h < s.heads; ++h) {
      weights.push_back(static_cast<float>(weight_value(i, h)));
      for (std::size_t d = 0; d < s.dim; ++d)
        queries.push_back(static_cast<float>(query_value(i, h, d)));
    }
  }
  std::vector<Buffer> keys;
  for (std::size_t m = 0; m < static_cast<std::size_t>(members); ++m) {
    keys.emplace_back(indexer.bytes(m) + 64);
    for (const Piece& p : indexer.pieces(m))
      for (std::size_t t = 0; t < p.chunks * chunk; ++t)
        for (std::size_t d = 0; d < s.dim; ++d)
          keys[m].as<std::uint16_t>((p.at + t / chunk) * s.chunk_bytes())[key_at(t % chunk, d)] =
              static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(
                                             key_value(p.head, p.first * chunk + t, d))) >>
                                         16);
  }
  team.run(members, [&](int member) {
    const auto m = static_cast<std::size_t>(member);
    indexer.score(m, keys[m].data(), queries.data(), s.heads * s.dim, weights.data(), s.heads);
  });
  team.run(members, [&](int m) { indexer.select(static_cast<std::size_t>(m)); });
  for (std::size_t i = 0; i < s.sequences; ++i) {
    const auto want = plain_selection(s, i);
    for (std::size_t k = 0; k < want.size(); ++k)
      if (indexer.selected(i)[k] != want[k])
        return fmt::format(
            "selection of {} of {} tokens by {} heads of {}, {} threads: entry {} of sequence {} "
            "is token {}, not {}",
            s.top, s.context, s.heads, s.dim, members, k, i, indexer.selected(i)[k], want[k]);
  }
  return {};
}

}  // namespace limen::kernels
