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

// The same at any scale of the arguments, and nothing that repeats.
std::uint32_t mixed(std::size_t a, std::size_t b, std::size_t c, std::size_t d) {
  std::uint64_t x = a * 0x9E3779B97F4A7C15u + b * 0xC2B2AE3D27D4EB4Fu + c * 0x165667B19E3779F9u +
                    d * 0x27D4EB2F165667C5u + 1;
  x ^= x >> 31;
  x *= 0xD6E8FEB86659FD93u;
  return static_cast<std::uint32_t>(x >> 40);
}

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

Vector attention(const DecodeShape& s, std::size_t l, std::size_t sequence, Vector qkv) {
  const LayerShape& a = s.layers[l];
  for (std::size_t h = 0; h < a.query_heads + a.kv_heads; ++h)
    rotate_plainly(&qkv[h * a.head_dim], a.head_dim, s.context - 1);
  Vector out(a.q_width());
  for (std::size_t h = 0; h < a.query_heads; ++h) {
    const std::size_t kv = h / (a.query_heads / a.kv_heads);
    const auto at = [&](std::size_t t, std::size_t d, bool value) {
      if (t + 1 < a.seen) return static_cast<double>(Numbers::cached(l, sequence, kv, t, d, value));
      return qkv[a.q_width() + (value ? a.k_width() : 0) + kv * a.head_dim + d];
    };
    Vector p(a.seen);
    for (std::size_t t = 0; t < a.seen; ++t) {
      for (std::size_t d = 0; d < a.head_dim; ++d)
        p[t] += qkv[h * a.head_dim + d] * at(t, d, false);
      p[t] = std::exp(p[t] / std::sqrt(static_cast<double>(a.head_dim)));
    }
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (std::size_t t = 0; t < a.seen; ++t)
      for (std::size_t d = 0; d < a.head_dim; ++d)
        out[h * a.head_dim + d] += p[t] / sum * at(t, d, true);
  }
  return out;
}

Vector network(std::size_t l, Role up, Role down, std::size_t expert, std::size_t width,
               std::size_t hidden, const Vector& x) {
  const Vector both = product(l, up, expert, 2 * width, x);
  Vector gated(width);
  for (std::size_t i = 0; i < width; ++i)
    gated[i] = both[i] / (1 + std::exp(-both[i])) * both[width + i];
  return product(l, down, expert, hidden, gated);
}

Vector feed_forward(const DecodeShape& s, std::size_t l, const Vector& x) {
  const LayerShape& f = s.layers[l];
  Vector out(s.hidden);
  const auto add = [&](double weight, const Vector& y) {
    for (std::size_t i = 0; i < s.hidden; ++i) out[i] += weight * y[i];
  };
  if (f.width > 0) add(1, network(l, Role::gate_up, Role::down, 0, f.width, s.hidden, x));
  if (f.experts == 0) return out;
  const Vector scores = product(l, Role::router, 0, f.experts, x);
  std::vector<std::size_t> order(f.experts);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  double sum = 0;
  for (std::size_t j = 0; j < f.top_k; ++j) sum += std::exp(scores[order[j]] - scores[order[0]]);
  for (std::size_t j = 0; j < f.top_k; ++j)
    add(std::exp(scores[order[j]] - scores[order[0]]) / sum,
        network(l, Role::expert_gate_up, Role::expert_down, order[j], f.expert_width, s.hidden, x));
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
    const Vector qkv = product(l, Role::qkv, 0, a.q_width() + 2 * a.k_width(), norm(x, l, 0));
    add(product(l, Role::output, 0, s.hidden, attention(s, l, sequence, qkv)));
    add(feed_forward(s, l, norm(x, l, 1)));
  }
  return product(s.layers.size(), Role::head, 0, s.vocabulary, norm(x, s.layers.size(), 0));
}

}  // namespace

int Numbers::weight(std::size_t layer, Role role, std::size_t expert, std::size_t row,
                    std::size_t col) {
  const auto matrix = (layer * 16 + static_cast<std::size_t>(role)) * 64 + expert;
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

std::vector<std::uint32_t> tokens_to_verify(const DecodeShape& whole) {
  std::vector<std::uint32_t> tokens;
  for (std::size_t i = 0; i < whole.sequences; ++i)
    tokens.push_back(static_cast<std::uint32_t>((i * 41 + 5) % whole.vocabulary));
  return tokens;
}

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
  // What is rounded to bf16 on the way (queries and probabilities; with bf16 weights the input of
  // every product) errs by 2^-9, at random: some percent of the logits' own spread in the end.
  return wrong_step(whole, rank, ranks, decoder.logits(), tokens,
                    whole.weights == Format::bf16 ? 0.12 : 0.08);
}

std::vector<DecodeShape> shapes_to_verify(Format weights) {
  const LayerShape dense{4, 2, 32, 70, 512, 0, 0, 0};
  const LayerShape windowed{4, 2, 32, 40, 512, 0, 0, 0};
  const LayerShape experts{4, 2, 32, 70, 0, 8, 2, 256};
  const LayerShape shared{8, 2, 32, 70, 256, 6, 3, 256};
  return {{weights, 256, 128, 1, 70, {dense, dense}, 0, 1},
          {weights, 256, 128, 3, 70, {windowed, experts}, 0, 1},
          {weights, 256, 96, 2, 70, {dense, shared}, 0, 1}};
}

}  // namespace limen::kernels
