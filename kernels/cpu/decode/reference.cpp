// The plain reading of a decode step, in fp64, over the whole model: what every slice is checked
// against.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "kernels/cpu/decode/decoder.hpp"

namespace limen::kernels {
namespace {

using Vector = std::vector<double>;

Vector product(std::size_t layer, Role role, std::size_t expert, std::size_t rows,
               const Vector& x) {
  Vector y(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < x.size(); ++k)
      y[r] += Numbers::weight(layer, role, expert, r, k) * x[k];
    y[r] *= static_cast<double>(Numbers::scale(role, r));
  }
  return y;
}

Vector norm(const Vector& x, std::size_t layer, std::size_t which) {
  double squares = 0;
  for (double v : x) squares += v * v;
  const double scale = 1 / std::sqrt(squares / static_cast<double>(x.size()) + 1e-6);
  Vector y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    y[i] = x[i] * scale * static_cast<double>(Numbers::gain(layer, which, i));
  return y;
}

void rotate_plainly(double* head, std::size_t dim, std::size_t position) {
  for (std::size_t i = 0; i < dim / 2; ++i) {
    const double angle =
        static_cast<double>(position) *
        std::pow(rotation_base, -2.0 * static_cast<double>(i) / static_cast<double>(dim));
    const double a = head[i], b = head[i + dim / 2];
    head[i] = a * std::cos(angle) - b * std::sin(angle);
    head[i + dim / 2] = b * std::cos(angle) + a * std::sin(angle);
  }
}

// Whether the token at `position` attends to the one at t, before an indexer has its say.
bool sees(const LayerShape& a, std::size_t position, std::size_t t) {
  if (a.window == 0) return true;
  return a.chunked ? t / a.window == position / a.window : t + a.window > position;
}

// out += softmax(scores / sqrt(width)) values, over the tokens that are seen.
template <class Values>
void weigh(const std::vector<std::size_t>& seen, const Vector& scores, std::size_t width,
           Values&& value, std::size_t dim, double* out) {
  double sum = 0;
  for (std::size_t t : seen) sum += std::exp(scores[t] / std::sqrt(static_cast<double>(width)));
  for (std::size_t t : seen) {
    const double p = std::exp(scores[t] / std::sqrt(static_cast<double>(width))) / sum;
    for (std::size_t d = 0; d < dim; ++d) out[d] += p * value(t, d);
  }
}

std::vector<std::size_t> tokens_seen(const DecodeShape& s, const LayerShape& a) {
  std::vector<std::size_t> seen;
  for (std::size_t t = 0; t < s.context; ++t)
    if (sees(a, s.context - 1, t)) seen.push_back(t);
  return seen;
}

Vector grouped_attention(const DecodeShape& s, std::size_t l, std::size_t sequence,
                         const Vector& x) {
  const LayerShape& a = s.layers[l];
  Vector qkv = product(l, Role::qkv, 0, a.projected(), x);
  for (std::size_t h = 0; h < a.query_heads + a.kv_heads; ++h)
    rotate_plainly(&qkv[h * a.head_dim], a.head_dim, s.context - 1);
  const auto seen = tokens_seen(s, a);
  Vector out(a.q_width()), scores(s.context);
  for (std::size_t h = 0; h < a.query_heads; ++h) {
    const std::size_t kv = h / (a.query_heads / a.kv_heads);
    const auto at = [&](std::size_t t, std::size_t d, bool value) {
      if (t + 1 < s.context)
        return static_cast<double>(Numbers::cached(l, sequence, kv, t, d, value));
      return qkv[a.q_width() + (value ? a.k_width() : 0) + kv * a.head_dim + d];
    };
    for (std::size_t t : seen) {
      scores[t] = 0;
      for (std::size_t d = 0; d < a.head_dim; ++d)
        scores[t] += qkv[h * a.head_dim + d] * at(t, d, false);
    }
    weigh(
        seen, scores, a.head_dim, [&](std::size_t t, std::size_t d) { return at(t, d, true); },
        a.head_dim, &out[h * a.head_dim]);
  }
  return out;
}

// Those of the tokens seen that an indexer picks: of q index queries from the latent query.
std::vector<std::size_t> picked(const DecodeShape& s, std::size_t l, std::size_t sequence,
                                const Vector& query, const double* new_key, const double* weights,
                                std::vector<std::size_t> seen) {
  const LatentShape& m = s.layers[l].latent;
  Vector q = product(l, Role::index_query, 0, m.index_heads * m.index_dim, query);
  for (std::size_t h = 0; h < m.index_heads; ++h)
    rotate_plainly(&q[h * m.index_dim], m.rope, s.context - 1);
  Vector key(new_key, new_key + m.index_dim), scores(s.context);
  rotate_plainly(key.data(), m.rope, s.context - 1);
  for (std::size_t t : seen) {
    for (std::size_t h = 0; h < m.index_heads; ++h) {
      double product = 0;
      for (std::size_t d = 0; d < m.index_dim; ++d)
        product += q[h * m.index_dim + d] *
                   (t + 1 < s.context ? static_cast<double>(Numbers::index_key(l, sequence, t, d))
                                      : key[d]);
      scores[t] += weights[h] * std::fmax(0, product);
    }
  }
  std::stable_sort(seen.begin(), seen.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  if (seen.size() > m.index_top) seen.resize(m.index_top);
  return seen;
}

// As it is defined, not absorbed: keys and values of each head are expanded from the latent ones.
Vector latent_attention(const DecodeShape& s, std::size_t l, std::size_t sequence,
                        const Vector& x) {
  const LayerShape& a = s.layers[l];
  const LatentShape& m = a.latent;
  const Vector down = product(l, Role::qkv, 0, a.projected(), x);
  const auto part = [&](std::size_t first, std::size_t n) {
    return Vector(down.begin() + std::ptrdiff_t(first), down.begin() + std::ptrdiff_t(first + n));
  };
  const Vector query = m.query_rank > 0 ? norm(part(0, m.query_rank), l, 2) : x;
  Vector latent = norm(part(m.query_rank, m.rank), l, 3);  // of the new token
  Vector rope = part(m.query_rank + m.rank, m.rope);
  rotate_plainly(rope.data(), m.rope, s.context - 1);
  latent.insert(latent.end(), rope.begin(), rope.end());
  const std::size_t index_at = m.query_rank + m.key_dim();
  auto seen = tokens_seen(s, a);
  if (m.index_top > 0)
    seen = picked(s, l, sequence, query, &down[index_at], &down[index_at + m.index_dim], seen);

  Vector q = product(l, Role::query_up, 0, a.query_heads * (m.nope + m.rope), query);
  Vector out(a.out_width());
  for (std::size_t h = 0; h < a.query_heads; ++h) {
    double* mine = &q[h * (m.nope + m.rope)];
    rotate_plainly(mine + m.nope, m.rope, s.context - 1);
    Vector scores(s.context);
    std::vector<Vector> values(s.context);
    for (std::size_t t : seen) {
      Vector c = latent;
      if (t + 1 < s.context)
        for (std::size_t d = 0; d < m.key_dim(); ++d)
          c[d] = static_cast<double>(Numbers::cached(l, sequence, 0, t, d, false));
      for (std::size_t n = 0; n < m.nope; ++n) {
        double key = 0;
        for (std::size_t r = 0; r < m.rank; ++r)
          key += Numbers::weight(l, Role::absorb_key, h, r, n) *
                 static_cast<double>(Numbers::scale(Role::absorb_key, r)) * c[r];
        scores[t] += mine[n] * key;
      }
      for (std::size_t d = 0; d < m.rope; ++d) scores[t] += mine[m.nope + d] * c[m.rank + d];
      c.resize(m.rank);
      values[t] = product(l, Role::absorb_value, h, m.value_dim, c);
    }
    weigh(
        seen, scores, m.nope + m.rope, [&](std::size_t t, std::size_t d) { return values[t][d]; },
        m.value_dim, &out[h * m.value_dim]);
  }
  return out;
}

Vector network(std::size_t l, Role up, Role down, std::size_t expert, std::size_t width, bool gated,
               std::size_t hidden, const Vector& x) {
  const Vector both = product(l, up, expert, (gated ? 2 : 1) * width, x);
  Vector passed(width);
  for (std::size_t i = 0; i < width; ++i)
    passed[i] = both[i] / (1 + std::exp(-both[i])) * (gated ? both[width + i] : 1);
  return product(l, down, expert, hidden, passed);
}

Vector feed_forward(const DecodeShape& s, std::size_t l, const Vector& x) {
  const LayerShape& f = s.layers[l];
  Vector out(s.hidden);
  const auto add = [&](double weight, const Vector& y) {
    for (std::size_t i = 0; i < s.hidden; ++i) out[i] += weight * y[i];
  };
  if (f.width > 0) add(1, network(l, Role::gate_up, Role::down, 0, f.width, f.gated, s.hidden, x));
  if (f.experts == 0) return out;
  const Vector scores = product(l, Role::router, 0, f.experts, x);
  std::vector<std::size_t> order(f.experts);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  const auto weight_of = [&](std::size_t expert) {
    return f.sigmoid ? 1 / (1 + std::exp(-scores[expert]))
                     : std::exp(scores[expert] - scores[order[0]]);
  };
  double sum = 0;
  for (std::size_t j = 0; j < f.top_k; ++j) sum += weight_of(order[j]);
  for (std::size_t j = 0; j < f.top_k; ++j)
    add(weight_of(order[j]) / sum,
        network(l, Role::expert_gate_up, Role::expert_down, order[j] % f.experts_held(),
                f.expert_width, true, s.hidden, x));
  return out;
}

Vector reference_logits(const DecodeShape& s, std::size_t sequence, std::size_t token) {
  Vector x(s.hidden);
  for (std::size_t k = 0; k < s.hidden; ++k)
    x[k] = Numbers::weight(s.layers.size(), Role::head, 0, token, k) *
           static_cast<double>(Numbers::scale(Role::head, token));
  const auto add = [&](const Vector& y) {
    for (std::size_t i = 0; i < s.hidden; ++i) x[i] += y[i];
  };
  for (std::size_t l = 0; l < s.layers.size(); ++l) {
    const LayerShape& a = s.layers[l];
    const Vector normed = norm(x, l, 0);
    add(product(l, Role::output, 0, s.hidden,
                a.is_latent() ? latent_attention(s, l, sequence, normed)
                              : grouped_attention(s, l, sequence, normed)));
    add(feed_forward(s, l, norm(x, l, 1)));
  }
  return product(s.layers.size(), Role::head, 0, s.vocabulary, norm(x, s.layers.size(), 0));
}

}  // namespace

std::string wrong_step(const DecodeShape& whole, std::size_t rank, std::size_t ranks,
                       const std::vector<float>& logits, const std::vector<std::uint32_t>& next,
                       double tolerance) {
  const auto before = tokens_to_verify(whole);
  const DecodeShape part = slice(whole, rank, ranks);
  const std::size_t here = part.vocabulary, first = part.first_token();
  for (std::size_t i = 0; i < whole.sequences; ++i) {
    const Vector want = reference_logits(whole, i, before[i]);
    double squares = 0, largest = -INFINITY;
    for (double v : want) {
      squares += v * v;
      largest = std::fmax(largest, v);
    }
    const double allowed = tolerance * std::sqrt(squares / double(want.size()));
    for (std::size_t v = 0; v < here; ++v) {
      const double got = static_cast<double>(logits[i * here + v]);
      if (!(std::fabs(got - want[first + v]) <= allowed))
        return fmt::format(
            "decode with {} weights, rank {} of {}: logit {} of sequence {} is {}, not {} (+- {})",
            name(whole.weights), rank, ranks, first + v, i, got, want[first + v], allowed);
    }
    if (!(next[i] < want.size() && want[next[i]] >= largest - 2 * allowed))
      return fmt::format("decode with {} weights: sequence {} goes on with token {}, not the best",
                         name(whole.weights), i, next[i]);
  }
  return {};
}

std::string verify_decoder(Team& team, const DecodeShape& whole, std::size_t rank,
                           std::size_t ranks, const Exchanges& exchanges) {
  Decoder decoder(team, slice(whole, rank, ranks), Decoder::Fill::numbers, 1, exchanges);
  auto tokens = tokens_to_verify(whole);
  decoder.step(tokens);
  return wrong_step(whole, rank, ranks, decoder.logits(), tokens, tolerance(whole.weights));
}

std::vector<DecodeShape> shapes_to_verify(Format weights) {
  const LayerShape dense{.query_heads = 4, .kv_heads = 2, .head_dim = 32, .width = 512};
  LayerShape experts = dense;
  experts.width = 0;
  experts.experts = 8;
  experts.top_k = 2;
  experts.expert_width = 256;
  LayerShape shared{.query_heads = 8, .kv_heads = 2, .head_dim = 32, .width = 256};
  shared.experts = 6;
  shared.top_k = 3;
  shared.expert_width = 256;
  shared.sigmoid = true;
  shared.held = 4;
  // Few tokens, so that one more or less would show.
  LayerShape windowed = dense, in_chunks = dense;
  windowed.window = 6;
  windowed.gated = false;
  windowed.kv_heads = 1;
  in_chunks.window = 16;  // 6 of which are seen
  in_chunks.chunked = true;
  LayerShape latent{.query_heads = 4, .width = 256};
  latent.latent = {.query_rank = 64, .rank = 64, .nope = 32, .rope = 16, .value_dim = 48};
  LayerShape selected = shared;
  selected.latent = latent.latent;
  selected.latent.index_heads = 5;
  selected.latent.index_dim = 32;
  selected.latent.index_top = 6;
  LayerShape at_once = experts;
  at_once.latent = latent.latent;
  at_once.latent.query_rank = 0;
  return {{weights, 256, 128, 1, 70, {dense, dense}},
          {weights, 256, 128, 3, 70, {windowed, in_chunks}},
          {weights, 256, 96, 2, 70, {dense, shared}},
          {weights, 256, 128, 2, 70, {latent, at_once}},
          // In the sixth sequence the new token is selected because its index key is rotated.
          {weights, 256, 128, 6, 70, {latent, selected}}};
}

}  // namespace limen::kernels
