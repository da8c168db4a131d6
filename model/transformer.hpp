// The shape of a decoder-only transformer, what is asked of it, and how it is spread over ranks.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "model/format.hpp"

namespace limen::model {

// Layers with the same attention. Grouped-query: multi-head has kv_heads = query_heads,
// multi-query 1. Latent attention (MLA, kv_rank > 0) caches kv_rank + rope elements a token, shared
// by all heads, and is computed in its absorbed form: queries are taken into the latent space, so
// that the cache is never expanded.
struct AttentionLayers {
  std::int64_t layers = 0;
  std::int64_t query_heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t window = 0;   // tokens that a query sees at most; 0: all
  bool chunked = false;      // the window is a chunk that starts anew, not one that slides
  bool bias = false;         // of the projections to queries, keys and values
  std::int64_t q_rank = 0;   // latent: of the queries; 0: projected at once
  std::int64_t kv_rank = 0;  // latent: of keys and values; 0: not latent
  std::int64_t nope = 0, rope = 0, value_dim = 0;  // latent: parts of a head
  std::int64_t index_heads = 0, index_dim = 0,
               index_top = 0;  // sparse: an indexer picks index_top tokens

  constexpr bool latent() const { return kv_rank > 0; }
  // Widths: of all queries, of all keys (values are as wide in grouped attention), of what goes
  // into the output matrix.
  constexpr double q_width() const {
    return double(query_heads * (latent() ? nope + rope : head_dim));
  }
  constexpr double k_width() const { return double(kv_heads * head_dim); }
  constexpr double out_width() const {
    return double(query_heads * (latent() ? value_dim : head_dim));
  }
  // Elements that a token leaves in the cache of a layer.
  constexpr double kv_elements() const {
    return (latent() ? double(kv_rank + rope) : 2 * k_width()) +
           double(index_heads ? index_dim : 0);
  }
};

// Layers with the same feed-forward network: dense, or experts of which a token takes top_k; gated
// (three matrices) or not (two).
struct FeedForwardLayers {
  std::int64_t layers = 0;
  bool gated = true;
  std::int64_t width = 0;  // of the dense network, or of the shared experts together; 0: none
  std::int64_t experts = 0, top_k = 0, expert_width = 0;
};

// The formats that weights come in: of the linear layers, of routed experts, and of what quantized
// checkpoints usually leave alone: the output projection, the embedding and the routers.
struct WeightFormats {
  Format weights = Format::bf16;
  Format experts = weights;
  Format head = weights;
};

struct Transformer {
  std::string name;
  std::string family;          // the model_type of its card
  std::string source;          // of its card
  WeightFormats native;        // of the published checkpoint
  std::string native_unknown;  // why `native` is not known; empty if it is
  std::int64_t hidden = 0;
  std::int64_t vocabulary = 0;
  std::int64_t max_context = 0;  // 0: unknown
  bool tied = false;             // one table embeds the input and projects the output
  std::array<AttentionLayers, 2> attention;
  std::array<FeedForwardLayers, 2> feed_forward;
  std::int64_t mtp_layers = 0;    // multi-token prediction modules; not counted in the parameters
  bool mtp_module = false;        // this is one (model/drafts.hpp); its tables are the model's
  double nominal_parameters = 0;  // as its name has it; 0: unknown

  constexpr std::int64_t layers() const { return attention[0].layers + attention[1].layers; }

  // Parameters of one layer's matrices.
  constexpr double attention_weights(const AttentionLayers& a) const {
    const auto d = double(hidden);
    double indexer = 0;
    if (a.index_heads > 0) {
      indexer = double(a.q_rank ? a.q_rank : hidden) * double(a.index_heads * a.index_dim) +
                d * double(a.index_dim + a.index_heads);
    }
    if (!a.latent()) return d * (a.q_width() + 2 * a.k_width()) + a.out_width() * d + indexer;
    const double q = a.q_rank ? double(a.q_rank) * (d + a.q_width()) : d * a.q_width();
    const double kv =
        d * double(a.kv_rank + a.rope) + double(a.kv_rank * a.query_heads * (a.nope + a.value_dim));
    return q + kv + a.out_width() * d + indexer;
  }
  constexpr double expert_weights(const FeedForwardLayers& f) const {
    return (f.gated ? 3.0 : 2.0) * double(hidden * f.expert_width);
  }
  constexpr double dense_weights(const FeedForwardLayers& f) const {
    return (f.gated ? 3.0 : 2.0) * double(hidden * f.width) +
           double(hidden * f.experts);  // with the router
  }
  constexpr double head_weights() const { return double(hidden * vocabulary); }
  constexpr int own_tables() const { return mtp_module ? 0 : tied ? 1 : 2; }
  // Of an MTP module: [embedding, hidden state] -> hidden.
  constexpr double merge_weights() const { return mtp_module ? 2.0 * double(hidden * hidden) : 0; }

  // All parameters; those of the routed experts alone; those that one token uses (the embedding is
  // a look-up).
  constexpr double parameters() const {
    double sum = head_weights() * own_tables() + double(hidden) + merge_weights();
    for (const auto& a : attention) {
      const double bias = a.bias ? a.q_width() + 2 * a.k_width() : 0;
      sum += double(a.layers) * (attention_weights(a) + 2.0 * double(hidden) + bias);
    }
    for (const auto& f : feed_forward) sum += double(f.layers) * dense_weights(f);
    return sum + expert_parameters();
  }
  constexpr double expert_parameters() const {
    double sum = 0;
    for (const auto& f : feed_forward) sum += double(f.layers * f.experts) * expert_weights(f);
    return sum;
  }
  constexpr double active_parameters() const {
    double sum = parameters() - expert_parameters() + head_weights() * (1 - own_tables());
    for (const auto& f : feed_forward) sum += double(f.layers * f.top_k) * expert_weights(f);
    return sum;
  }
  // Elements that a token leaves in the cache of all layers, as long as no window closes.
  constexpr double kv_elements() const {
    double sum = 0;
    for (const auto& a : attention) sum += double(a.layers) * a.kv_elements();
    return sum;
  }
  // Bytes of all parameters; norms and biases are taken to be of the head's format.
  constexpr double checkpoint_bytes(const WeightFormats& f) const {
    double linear = merge_weights();
    for (const auto& a : attention) linear += double(a.layers) * attention_weights(a);
    for (const auto& x : feed_forward) {
      linear += double(x.layers) * (dense_weights(x) - double(hidden * x.experts));
    }
    const double experts = expert_parameters();
    return linear * weight_bytes(f.weights) + experts * weight_bytes(f.experts) +
           (parameters() - linear - experts) * weight_bytes(f.head);
  }
};

// Of which new tokens of a sequence logits are computed.
enum class Projected { all, last, none };

// A step: each of `batch` sequences brings `tokens` new ones (decode 1, with drafts 1 + k, prefill
// the prompt) and its cache holds `context` tokens once the first of them is in it.
template <class S>
struct WorkloadOf {
  S batch;
  S context;
  Format weights = Format::bf16;
  Format kv = Format::bf16;
  Format experts = weights;  // of routed experts, where they differ
  S tokens = S(1.0);
  Format head = weights;  // of the output projection, the embedding and the routers, likewise
  Projected projected = Projected::all;  // prefill: last, or none but for the last chunk
};
using Workload = WorkloadOf<double>;

// The same workload on another scalar, every number a constant.
template <class S>
constexpr WorkloadOf<S> as(const Workload& w) {
  return {S(w.batch), S(w.context), w.weights, w.kv, w.experts, S(w.tokens), w.head, w.projected};
}

// How the model is spread. Every layer over `tp` ranks; the layers over `pp` stages; attention
// replicated `dp` times, each replica with its share of the batch; the experts over `ep` ranks of a
// stage's tp * dp, each expert split over the (tp * dp / ep) that are left.
struct Partition {
  int tp = 1;
  int pp = 1;
  int ep = 1;
  int dp = 1;
  constexpr int stage_ranks() const { return tp * dp; }
  constexpr int ranks() const { return tp * pp * dp; }
};

// Pipeline stages at work at a time. The stage of ceil(layers / pp) layers paces the others: with
// 32 layers, 8 stages keep 8 busy, and 5 stages (of 7, 7, 6, 6, 6 layers) 32 / 7.
inline double busy_stages(const Transformer& t, int pp) {
  const auto slowest = (t.layers() + pp - 1) / pp;
  return double(t.layers()) / double(slowest);
}

}  // namespace limen::model
