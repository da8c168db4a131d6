// Latent attention of a layer (MLA), absorbed: what was attended to is never expanded.
#include <cmath>

#include <fmt/format.h>

#include "kernels/cuda/decoder_rank.hpp"
#include "kernels/cuda/latent.hpp"

namespace limen::gpu {
namespace {

LatentAttention latent_of(const DecodeShape& s, const LayerShape& layer) {
  return {u(s.sequences), u(layer.query_heads), u(s.kept(layer)), u(s.seen(layer))};
}
Index index_of(const DecodeShape& s, const LayerShape& layer) {
  return {u(s.sequences), u(layer.latent.index_heads), u(s.kept(layer)), u(layer.latent.index_top)};
}

}  // namespace

std::string latent_not_for_gpus(const kernels::LatentShape& a, std::size_t context) {
  if (a.rank == 0) return {};
  if (a.rank != latent_rank || a.rope != latent_rope)
    return fmt::format("latent attention of rank {} + {}; kernels are built for {} + {}", a.rank,
                       a.rope, latent_rank, latent_rope);
  if (a.index_top > 0 && a.index_dim != index_dim)
    return fmt::format("an index of {} elements; kernels are built for {}", a.index_dim, index_dim);
  if (a.index_top > 0 && context > most_indexed)
    return fmt::format("an index of {} tokens, more than {}", context, most_indexed);
  for (const auto& [what, n] :
       {std::pair{"a latent query", a.query_rank}, {"a head's query before rotation", a.nope}})
    if (n % 8 != 0) return fmt::format("{} elements of {}, not a multiple of 8", n, what);
  return {};
}

void Decoder::Rank::by_head(const Weights& w, std::size_t heads, const Words* x, float* y) const {
  (*multiply)(w.matrix,
              {.weights = w.words.data(),
               .scales = w.scales.data(),
               .x = x,
               .y = y,
               .tokens = u(heads * sequences()),
               .x_words = x_words(w.matrix.cols),
               .active = latent.heads.data(),
               .first = latent.first.data()},
              u(sequences()), u(heads));
}

void Decoder::make_latent_arrays(Rank& r) {
  const Device& d = *r.device;
  const std::size_t n = r.sequences();
  std::size_t query = 0, nope = 0, attended = 0, queries = 0, slots = 0, partial = 0, values = 0,
              index_queries = 0, scores = 0, selected = 0;
  for (const LayerShape& layer : r.shape.layers) {
    if (!layer.is_latent()) continue;
    const auto& m = layer.latent;
    const LatentAttention a = latent_of(r.shape, layer);
    slots = std::max(slots, a.slots());
    query = std::max(query, n * x_words(m.query_rank));
    nope = std::max(nope, a.slots() * x_words(m.nope));
    queries = std::max(queries, a.slots() * (m.nope + m.rope));
    attended = std::max(attended, a.slots() * x_words(m.rank));
    partial = std::max(partial, latent_partial(a, latent_shares(d, a)));
    values = std::max(values, a.slots() * m.value_dim);
    if (m.index_top == 0) continue;
    index_queries = std::max(index_queries, n * m.index_heads * m.index_dim);
    scores = std::max(scores, n * a.kept);
    selected = std::max(selected, n * a.seen);
  }
  LatentArrays& made = r.latent;
  made = {};
  if (slots == 0) return;
  made.query = {d, query};
  made.nope = {d, nope};
  made.attended = {d, attended};
  made.queries = {d, queries};
  made.absorbed = {d, slots * latent_rank};
  made.rotated = {d, slots * latent_rope};
  made.partial = {d, partial};
  made.values = {d, values};
  made.index_queries = {d, index_queries};
  made.index_rotated = {d, index_queries};
  made.index_scores = {d, scores};
  made.selected = {d, selected};
  std::vector<U32> heads{u(slots / n)}, first{0};
  for (std::size_t h = 0; h < slots / n; ++h) {
    heads.push_back(u(h));
    first.push_back(u((h + 1) * n));
  }
  made.heads = upload(d, heads);
  made.first = upload(d, first);
}

void Decoder::add_latent_stages(Rank& r, std::size_t l, const AddStage& add) {
  const Device& d = *r.device;
  const KernelTable& k = d.kernels();
  const DecodeShape& s = r.shape;
  const LayerShape& shape = s.layers[l];
  const auto& m = shape.latent;
  const Layer& layer = r.layers[l];
  const unsigned n = u(s.sequences), heads = u(shape.query_heads), position = u(s.context - 1);

  add(Op::rest, [&r, &d, &k, &shape, &m, &layer, &s, n, position] {
    const LatentToken token{
        u(shape.projected()),  u(m.query_rank),  u(m.rank), u(m.rope),   u(m.index_dim),
        x_words(m.query_rank), u(s.kept(shape)), position,  norm_epsilon};
    d.launch(k.append_latent, {{3, n}, k.append_latent.threads}, r.qkv.data(), r.turns.data(),
             layer.query_gain.data(), layer.latent_gain.data(), halves(r.latent.query),
             layer.keys.data(), layer.values.data(), token);
  });
  const Words* query = (m.query_rank > 0 ? r.latent.query : r.normed).data();
  add(Op::qkv,
      [&r, &layer, query] { r.product(layer.of(Role::query_up), query, r.latent.queries.data()); });
  add(Op::rest, [&r, &d, &k, &m, n, heads, position] {
    d.launch(k.split_queries, {{heads, n}, k.split_queries.threads}, r.latent.queries.data(),
             r.turns.data(), halves(r.latent.nope), r.latent.rotated.data(), u(m.nope), u(m.rope),
             x_words(m.nope), n, position);
  });
  add(Op::qkv, [&r, &layer, heads] {
    r.by_head(layer.of(Role::absorb_key), heads, r.latent.nope.data(), r.latent.absorbed.data());
  });
  if (m.index_top > 0) add_index_stages(r, l, query, add);
  add(Op::attention, [&r, &d, &layer, &m, a = latent_of(s, shape)] {
    latent_attention(d, a,
                     {r.latent.absorbed.data(), r.latent.rotated.data(), layer.keys.data(),
                      m.index_top > 0 ? r.latent.selected.data() : nullptr, r.latent.partial.data(),
                      halves(r.latent.attended)},
                     latent_shares(d, a), 1 / std::sqrt(static_cast<float>(m.nope + m.rope)));
  });
  add(Op::qkv, [&r, &layer, heads] {
    r.by_head(layer.of(Role::absorb_value), heads, r.latent.attended.data(),
              r.latent.values.data());
  });
  add(Op::rest, [&r, &d, &k, &shape, &m, n, heads] {
    d.launch(k.join_heads,
             {{ceiling(shape.out_width(), k.join_heads.threads), n}, k.join_heads.threads},
             r.latent.values.data(), halves(r.attended), u(m.value_dim), heads, n,
             x_words(shape.out_width()));
  });
}

// Every rank selects for itself: scores of a part of the index heads would have to be added up.
void Decoder::add_index_stages(Rank& r, std::size_t l, const Words* query, const AddStage& add) {
  const Device& d = *r.device;
  const DecodeShape& s = r.shape;
  const LayerShape& shape = s.layers[l];
  const auto& m = shape.latent;
  const Layer& layer = r.layers[l];
  add(Op::qkv, [&r, &layer, query] {
    r.product(layer.of(Role::index_query), query, r.latent.index_queries.data());
  });
  add(Op::rest, [&r, &d, &m, n = u(s.sequences), position = u(s.context - 1)] {
    const auto& kernel = d.kernels().rotate_index;
    d.launch(kernel, {{u(m.index_heads), n}, kernel.threads}, r.latent.index_queries.data(),
             r.turns.data(), r.latent.index_rotated.data(), u(m.index_dim), u(m.rope), position);
  });
  add(Op::attention, [&r, &d, &layer, &shape, &m, x = index_of(s, shape)] {
    const std::size_t weights_at = m.query_rank + m.key_dim() + m.index_dim;
    index(d, x,
          {layer.values.data(), r.latent.index_rotated.data(), r.qkv.data() + weights_at,
           u(shape.projected()), r.latent.index_scores.data(), r.latent.selected.data()});
  });
}

}  // namespace limen::gpu
