// The shape of a dense decoder-only transformer, and what one decode step of it must move and
// compute.
#pragma once

#include <cstdint>
#include <string>

#include "model/format.hpp"
#include "model/work.hpp"

namespace limen::model {

// Grouped-query attention (multi-head: kv_heads = query_heads; multi-query: 1) and a gated
// feed-forward network.
struct Transformer {
  std::string name;
  std::int64_t layers = 0;
  std::int64_t hidden = 0;
  std::int64_t query_heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t ffn = 0;  // width of the gated feed-forward network: three matrices hidden x ffn
  std::int64_t vocabulary = 0;
  std::int64_t max_context = 0;
  bool tied = false;  // one table embeds the input and projects the output
  bool qkv_bias = false;

  constexpr double q_width() const { return static_cast<double>(query_heads * head_dim); }
  constexpr double kv_width() const {
    return static_cast<double>(kv_heads * head_dim);
  }  // of K; V is as wide

  // Weights of the matrices of one layer, of the output projection, and of everything (norms and
  // biases included).
  constexpr double layer_weights() const {
    const auto d = static_cast<double>(hidden);
    return d * (q_width() + 2 * kv_width()) + q_width() * d + 3 * d * static_cast<double>(ffn);
  }
  constexpr double head_weights() const { return static_cast<double>(hidden * vocabulary); }
  constexpr double parameters() const {
    const auto d = static_cast<double>(hidden);
    const double small =
        static_cast<double>(layers) * (2 * d + (qkv_bias ? q_width() + 2 * kv_width() : 0)) + d;
    return static_cast<double>(layers) * layer_weights() + head_weights() * (tied ? 1 : 2) + small;
  }
  // KV elements a token and layer leaves behind.
  constexpr double kv_elements() const { return 2 * kv_width(); }
};

// What is asked of it: `batch` sequences, each with `context` tokens in its KV cache, one new token
// each.
template <class S>
struct WorkloadOf {
  S batch;
  S context;
  Format weights = Format::bf16;
  Format kv = Format::bf16;
};
using Workload = WorkloadOf<double>;

// How it is spread: every layer over `tp` ranks, the layers over `pp` stages.
struct Partition {
  int tp = 1;
  int pp = 1;
  constexpr int ranks() const { return tp * pp; }
};

}  // namespace limen::model
