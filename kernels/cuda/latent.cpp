#include "kernels/cuda/latent.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace limen::gpu {
namespace {

std::size_t group_of(const LatentAttention& a) { return a.heads <= latent_groups[0] ? 0 : 1; }
unsigned blocks_of_heads(const LatentAttention& a) {
  return ceiling(a.heads, latent_groups[group_of(a)]);
}

}  // namespace

unsigned latent_shares(const Device& d, const LatentAttention& a) {
  // Rows of a tile: a block has 8 warps, and each of their lanes a score.
  const unsigned tiles = ceiling(a.seen, 8 * 32 / latent_groups[group_of(a)]);
  const auto wanted = static_cast<unsigned>(d.properties().multiprocessors) * 2;
  return std::clamp(wanted / std::max(1u, a.sequences * blocks_of_heads(a)), 1u, tiles);
}
std::size_t latent_partial(const LatentAttention& a, unsigned shares) {
  return a.slots() * shares * (latent_rank + 2);
}

void latent_attention(const Device& d, const LatentAttention& a, const LatentArguments& with,
                      unsigned shares, float scale) {
  if (a.sequences == 0 || a.heads == 0 || a.seen == 0 || a.seen > a.kept || shares == 0)
    refuse(fmt::format("latent attention: {} of {} rows, {} heads, {} sequences, {} shares", a.seen,
                       a.kept, a.heads, a.sequences, shares));
  const auto& k = d.kernels();
  const auto& kernel = k.latent_attention[group_of(a)];
  d.launch(kernel, {{shares * blocks_of_heads(a), a.sequences}, kernel.threads}, with.absorbed,
           with.rotated, reinterpret_cast<const Words*>(with.rows), with.selected, with.partial,
           LatentHeads{a.heads, a.sequences, a.kept, a.seen, shares, scale});
  d.launch(k.latent_join, {{static_cast<unsigned>(a.slots())}, k.latent_join.threads}, with.partial,
           with.rounded, shares);
}

void index(const Device& d, const Index& x, const IndexArguments& with) {
  if (x.sequences == 0 || x.heads == 0 || x.context == 0 || x.context > most_indexed || x.top == 0)
    refuse(fmt::format("index: {} of {} tokens, {} heads, {} sequences; at most {} tokens", x.top,
                       x.context, x.heads, x.sequences, most_indexed));
  const auto& k = d.kernels();
  d.launch(k.index_scores,
           {{ceiling(x.context, index_tokens), x.sequences}, k.index_scores.threads},
           reinterpret_cast<const Words*>(with.keys), reinterpret_cast<const Words*>(with.queries),
           with.weights, with.scores, x.heads, x.context, with.stride);
  d.launch(k.index_select, {{x.sequences}, k.index_select.threads}, with.scores, with.selected,
           x.context, x.selected());
}

}  // namespace limen::gpu
