#include "kernels/cpu/decode/caches.hpp"

#include <algorithm>

#include "kernels/cpu/decode/pointwise.hpp"
#include "kernels/cpu/decode/reference.hpp"
#include "kernels/cpu/team.hpp"

namespace limen::kernels {
namespace {

// +-[1/2, 1) in bf16
void fill_random(std::byte* to, std::size_t bytes, std::uint64_t& state) {
  auto* words = reinterpret_cast<std::uint64_t*>(to);
  for (std::size_t i = 0; i < bytes / 8; ++i) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    words[i] = (state & 0x807F807F807F807Fu) | 0x3F003F003F003F00u;
  }
}

// Calls put(head, chunk's begin, place in the chunk) for the last token of each head whose last
// chunk is among the pieces.
template <class Put>
void at_last(const CacheShape& s, const std::vector<Piece>& pieces, std::byte* memory,
             std::size_t chunk_bytes, Put&& put) {
  for (const Piece& p : pieces)
    if (p.first + p.chunks == s.chunks())
      put(p.head, reinterpret_cast<std::uint16_t*>(memory + (p.at + p.chunks - 1) * chunk_bytes),
          (s.context - 1) % chunk);
}

}  // namespace

void Caches::lay_out(Layer& made, const DecodeShape& s, const LayerShape& of, std::size_t members) {
  made.kept = of.is_latent() ? CacheShape{s.sequences,
                                          1,
                                          of.query_heads,
                                          of.latent.rank,
                                          s.kept(of),
                                          of.latent.rope,
                                          of.latent.nope + of.latent.rope}
                             : CacheShape{s.sequences, of.kv_heads, of.query_heads / of.kv_heads,
                                          of.head_dim, s.kept(of)};
  CacheShape seen = made.kept;
  seen.context = s.seen(of);
  const IndexShape index{s.sequences, of.latent.index_heads, of.latent.index_dim, s.kept(of),
                         of.latent.index_top};
  for (const Layer& other : layers_) {
    if (other.plan && other.plan->shape() == seen) made.plan = other.plan;
    if (other.indexer && other.indexer->shape() == index) made.indexer = other.indexer;
  }
  if (!made.plan) made.plan = std::make_shared<AttentionPlan>(seen, members);
  if (!made.indexer && index.top > 0) made.indexer = std::make_shared<Indexer>(index, members);
  for (std::size_t m = 0; m < members; ++m) made.pieces.push_back(pieces_of(made.kept, m, members));
  made.memory.resize(members);
  made.index.resize(members);
  made.rows.chunks_each = made.kept.chunks();
  made.rows.chunks.resize(s.sequences * made.kept.chunks());
  for (std::size_t i = 0; made.indexer && i < s.sequences; ++i)
    made.rows.selected.push_back(made.indexer->selected(i));
}

void Caches::make(Team& team, const DecodeShape& shape, bool numbers, std::uint64_t seed) {
  const auto members = static_cast<std::size_t>(team.size());
  layers_.clear();
  for (const LayerShape& of : shape.layers) {
    Layer made;
    lay_out(made, shape, of, members);
    layers_.push_back(std::move(made));
  }
  team.run(team.size(), [&](int member) {
    const auto m = static_cast<std::size_t>(member);
    std::uint64_t state = (seed + m) * 0x9E3779B97F4A7C15u | 1;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      Layer& layer = layers_[l];
      const std::size_t bytes = chunks_in(layer.pieces[m]) * layer.kept.chunk_bytes(),
                        index = layer.indexer ? layer.indexer->bytes(m) : 0;
      layer.memory[m] = Buffer(bytes + 64);
      layer.index[m] = Buffer(index + 64);
      if (numbers) {
        fill_numbers(l, m, shape);
      } else {
        fill_random(layer.memory[m].data(), bytes, state);
        fill_random(layer.index[m].data(), index, state);
      }
      for (const Piece& p : layer.pieces[m])
        for (std::size_t c = 0; layer.kept.latent() && c < p.chunks; ++c)
          layer.rows.chunks[p.head * layer.rows.chunks_each + p.first + c] =
              layer.memory[m].as<std::uint16_t>((p.at + c) * layer.kept.chunk_bytes());
    }
  });
}

void Caches::fill_numbers(std::size_t l, std::size_t m, const DecodeShape& shape) {
  Layer& layer = layers_[l];
  const CacheShape& s = layer.kept;
  const std::size_t begin = shape.context - s.context;  // tokens that are kept no more
  const auto each = [&](const std::vector<Piece>& pieces, const Buffer& memory, std::size_t bytes,
                        auto&& put) {
    for (const Piece& p : pieces)
      for (std::size_t t = 0; t < p.chunks * chunk; ++t)
        put(p.head, begin + p.first * chunk + t,
            memory.as<std::uint16_t>((p.at + t / chunk) * bytes), t % chunk);
  };
  each(layer.pieces[m], layer.memory[m], s.chunk_bytes(),
       [&](std::size_t head, std::size_t token, std::uint16_t* at, std::size_t t) {
         const std::size_t sequence = head / s.kv_heads,
                           kv = s.latent()
                                    ? 0
                                    : whole_kv_head(shape, shape.layers[l], head % s.kv_heads);
         for (std::size_t d = 0; d < s.key_dim(); ++d) {
           const auto number = [&](bool value) {
             const float x = Numbers::cached(l, sequence, kv, token, d, value);
             std::uint16_t bits;
             round_to_bf16(&x, 1, &bits);
             return bits;
           };
           at[s.latent() ? t * s.key_dim() + d : key_at(t, d)] = number(false);
           if (!s.latent()) at[value_at(s.head_dim, t, d)] = number(true);
         }
       });
  if (!layer.indexer) return;
  const IndexShape& index = layer.indexer->shape();
  each(layer.indexer->pieces(m), layer.index[m], index.chunk_bytes(),
       [&](std::size_t sequence, std::size_t token, std::uint16_t* at, std::size_t t) {
         for (std::size_t d = 0; d < index.dim; ++d) {
           const float x = Numbers::index_key(l, sequence, token, d);
           round_to_bf16(&x, 1, &at[key_at(t, d)]);
         }
       });
}

std::size_t Caches::bytes() const {
  std::size_t sum = 0;
  for (const Layer& layer : layers_)
    for (const auto* buffers : {&layer.memory, &layer.index})
      for (const Buffer& b : *buffers) sum += b.size();
  return sum;
}

void Caches::append(std::size_t l, std::size_t m, const float* keys, std::size_t stride) {
  const Layer& layer = layers_[l];
  const CacheShape& s = layer.kept;
  std::vector<std::uint16_t> rounded(s.head_dim);
  at_last(s, layer.pieces[m], memory(l, m), s.chunk_bytes(),
          [&](std::size_t head, std::uint16_t* at, std::size_t t) {
            const float* key = keys + head / s.kv_heads * stride + head % s.kv_heads * s.head_dim;
            round_to_bf16(key, s.head_dim, rounded.data());
            for (std::size_t d = 0; d < s.head_dim; ++d) at[key_at(t, d)] = rounded[d];
            round_to_bf16(key + s.kv_heads * s.head_dim, s.head_dim, rounded.data());
            for (std::size_t d = 0; d < s.head_dim; ++d)
              at[value_at(s.head_dim, t, d)] = rounded[d];
          });
}

void Caches::append_row(std::size_t l, std::size_t m, const float* rows, std::size_t stride) {
  const CacheShape& s = layers_[l].kept;
  at_last(s, layers_[l].pieces[m], memory(l, m), s.chunk_bytes(),
          [&](std::size_t sequence, std::uint16_t* at, std::size_t t) {
            round_to_bf16(rows + sequence * stride, s.key_dim(), at + t * s.key_dim());
          });
}

void Caches::append_index(std::size_t l, std::size_t m, const float* keys, std::size_t stride) {
  const IndexShape& s = layers_[l].indexer->shape();
  std::vector<std::uint16_t> rounded(s.dim);
  at_last(s.cache(), layers_[l].indexer->pieces(m), layers_[l].index[m].data(), s.chunk_bytes(),
          [&](std::size_t sequence, std::uint16_t* at, std::size_t t) {
            round_to_bf16(keys + sequence * stride, s.dim, rounded.data());
            for (std::size_t d = 0; d < s.dim; ++d) at[key_at(t, d)] = rounded[d];
          });
}

}  // namespace limen::kernels
