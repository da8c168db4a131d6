// What one step demands of the busiest rank, operator by operator and in total.
//
// Conventions. Under pipeline parallelism a token passes all stages one after another, so the
// demand is summed over the stages: it is what lies on the path of one token. Weights are read once
// a step whatever the batch; of the experts, those that some token picked. Grouped-query attention
// reads each key and value once for all query heads that share it. Activations stay on chip and are
// not counted: the ideal limit must not be beatable. The embedding table is looked up, not read;
// the output projection is read whole. Of several new tokens each attends to what is before it and
// to itself, and a step reads the cache once for all of them; sparse attention is taken to pick the
// same tokens for all of them, so that the limit cannot be beaten.
//
// Exchanges, per layer, of activations of 16 bits:
//   after attention, tp > 1               all-reduce among tp
//   after a dense network, tp > 1         all-reduce among tp
//   after the projection that begins an MTP module, tp > 1   the same
//   after experts, dp = 1, tp > 1         all-reduce among tp (tokens are on every rank; each takes
//                                         its experts' part)
//   before and after experts, dp, ep > 1  all-to-all among tp * dp; each of tp ranks sends its part
//                                         of the tokens, to the ranks that have an expert of theirs
//   the same, ep = 1                      all-gather before, reduce-scatter after, among tp * dp
//   after either, tp > 1                  all-gather among tp; all-reduce with shared experts
// and once a step for the split embedding and output tables, tp > 1: all-reduce among tp; between
// stages a hop, and one back for the token that comes next.
#pragma once

#include <array>
#include <cmath>

#include "model/exchange.hpp"
#include "model/routing.hpp"
#include "model/transformer.hpp"
#include "model/work.hpp"

namespace limen::model {

// Operators that run under the same law: linear layers, routed experts, attention over the cache,
// and linear layers in a format of their own (WorkloadOf::head, where it differs).
enum class Part { linear, experts, attention, apart };
inline constexpr std::size_t part_count = 4;

// Sum over i < tokens of min(first + i, most): what new tokens see that attend to all before them,
// but to `most` at the most.
template <class S>
S seen_by_all(S first, S tokens, double most) {
  S grow = min(max(S(most) - first, S(0.0)), tokens);  // tokens that see one more than the last
  return grow * (first + (grow - S(1.0)) * S(0.5)) + (tokens - grow) * S(most);
}

// The same where the cache begins anew after each `chunk` tokens.
template <class S>
S seen_by_all_in_chunks(S first, S tokens, double chunk) {
  using std::floor;
  auto before = [chunk](S n) {  // sum of (j mod chunk) + 1 over j < n
    const S whole = floor(n / S(chunk)), rest = n - whole * S(chunk);
    return whole * S(chunk * (chunk + 1) / 2) + rest * (rest + S(1.0)) * S(0.5);
  };
  return before(first - S(1.0) + tokens) - before(first - S(1.0));
}

// Heads on the rank that has most of them. While there are enough, ranks take whole KV heads, each
// with its query heads; beyond that a KV head is held by several ranks, which share out its query
// heads; ranks that find none are idle. A latent cache is held by every rank.
struct Heads {
  double query, kv;
};
inline Heads heads_of_rank(const AttentionLayers& a, int tp) {
  if (a.latent()) return {std::ceil(double(a.query_heads) / tp), 1};
  const double group = double(a.query_heads) / double(a.kv_heads);
  const double kv = std::ceil(double(a.kv_heads) / tp);
  if (tp <= a.kv_heads) return {group * kv, kv};
  return {std::ceil(group / double(tp / a.kv_heads)), 1};
}

template <class S>
struct OperatorOf {
  const char* name;
  Part part;
  S count;            // executions in a step
  S weights;          // that one execution reads, on the busiest rank; of attention: scores
  WorkOf<S> work;     // of one execution: weights or KV bytes, matrix FLOPs
  FlopsOf<S> scalar;  // operations of one execution that are no matrix product
};

// An exchange on the critical path. `bytes`: of the vector that is reduced or gathered; all-to-all:
// that a rank sends.
template <class S>
struct ExchangeOf {
  Exchange kind;
  int ranks;
  S count;
  BytesOf<S> bytes;
};

inline constexpr std::size_t most_exchanges = 8;  // of a kind, ranks and size in a step

// Calls on_operator for each operator of a step and on_exchange for each exchange.
// Scalar operations an element: norm 4, rotation 3, softmax 5 a score, gate 5, residual 1.
template <class S, class F, class G>
void for_each_operator(const Transformer& t, const WorkloadOf<S>& w, Partition p, F&& on_operator,
                       G&& on_exchange) {
  const double d = double(t.hidden), tp = p.tp;
  const S m = w.batch / S(double(p.dp)) * w.tokens;  // tokens of an attention replica
  const double wb = weight_bytes(w.weights), hb = weight_bytes(w.head), kb = element_bytes(w.kv);
  auto linear = [&](const char* name, Part part, S count, S weights, double bytes_each, S tokens,
                    S scalar) {
    on_operator(OperatorOf<S>{
        name,
        part,
        count,
        weights,
        {bytes(weights * S(bytes_each)), bytes(S(0.0)), flops(S(2.0) * weights * tokens)},
        flops(scalar)});
  };
  // Of the head's format. Two calls, so that each knows its part when it is compiled.
  auto like_head = [&](const char* name, S count, S weights, S tokens, S scalar) {
    if (w.head == w.weights) {
      linear(name, Part::linear, count, weights, hb, tokens, scalar);
    } else {
      linear(name, Part::apart, count, weights, hb, tokens, scalar);
    }
  };
  auto all_reduce = [&](S count) {
    if (p.tp > 1)
      on_exchange(ExchangeOf<S>{Exchange::all_reduce, p.tp, count, bytes(m * S(2 * d))});
  };

  if (t.mtp_module) {  // both inputs are normalized
    linear("merge", Part::linear, S(1.0), S(t.merge_weights() / tp), wb, m, m * S(8 * d));
    all_reduce(S(1.0));
  }
  for (const AttentionLayers& a : t.attention) {
    if (a.layers == 0) continue;
    const S layers = S(double(a.layers));
    const Heads heads = heads_of_rank(a, p.tp);
    const double split = heads.query / double(a.query_heads);  // of query heads, on a rank
    const double share = a.latent() ? 1.0 : heads.kv / double(a.kv_heads);  // of the cache
    const double out = a.out_width() * d * split;
    const double in = a.latent() ? 0 : d * (a.q_width() * split + 2 * a.k_width() * share);
    const S norm_and_rotation = m * S(4 * d + 3 * (a.q_width() * split + a.k_width() * share));
    double projections = in;
    if (a.latent()) {
      // The down-projections are not split, nor is the indexer: its scores would have to be added
      // up before any rank can pick. Those out of the latent space are, by heads.
      projections = t.attention_weights(a) - a.out_width() * d;
      const double index_queries =
          double((a.q_rank ? a.q_rank : t.hidden) * a.index_dim + t.hidden);
      const double unsplit = d * double(a.q_rank + a.kv_rank + a.rope) +
                             double(a.index_heads) * index_queries +
                             (a.index_heads > 0 ? d * double(a.index_dim) : 0.0);
      projections = unsplit + (projections - unsplit) * split;
    }
    linear("qkv", Part::linear, layers, S(projections), wb, m, norm_and_rotation);

    // Tokens in sight: the context; a window at most; in a chunk, what of it has gone by; of a
    // sparse one, the top.
    const S more = w.tokens - S(1.0);
    const S sequences = w.batch / S(double(p.dp));
    S seen = w.context;                              // by the first new token
    S scores = w.tokens * (seen + more * S(0.5));    // by all of a sequence
    const S all = seen + more, all_scores = scores;  // an indexer's keys are read for every token
    const double most = double(a.window > 0 ? a.window : a.index_top);
    if (a.chunked) {
      using std::floor;
      seen = w.context - S(most) * floor((w.context - S(1.0)) / S(most));
      scores = seen_by_all_in_chunks(w.context, w.tokens, most);
    } else if (most > 0) {
      seen = min(seen, S(most));
      scores = seen_by_all(w.context, w.tokens, most);
    }
    const double indexer = a.index_heads > 0 ? double(a.index_dim) : 0;
    const double per_token = (a.kv_elements() - indexer) * kb * share;
    const double score_width =
        a.latent() ? double(a.query_heads * (2 * a.kv_rank + a.rope)) : 2 * a.q_width();
    on_operator(OperatorOf<S>{
        "attention",
        Part::attention,
        layers,
        sequences * scores * S(heads.query),
        {bytes(sequences * ((seen + more) * S(per_token) + all * S(indexer * kb))),
         bytes(m * S(per_token + indexer * kb)),
         flops(sequences * (scores * S(2 * score_width * split) +
                            all_scores * S(2.0 * double(a.index_heads * a.index_dim))))},
        flops(sequences * scores * S(5.0 * heads.query))});
    linear("output", Part::linear, layers, S(out), wb, m, m * S(d));
    all_reduce(layers);
  }

  for (const FeedForwardLayers& f : t.feed_forward) {
    if (f.layers == 0) continue;
    const S layers = S(double(f.layers));
    if (f.width > 0) {
      const double down = d * double(f.width) / tp, gate_up = f.gated ? 2 * down : down;
      linear("gate-up", Part::linear, layers, S(gate_up), wb, m,
             m * S(4 * d + 5.0 * double(f.width) / tp));
      linear("down", Part::linear, layers, S(down), wb, m, m * S(d));
    }
    if (f.experts == 0) {
      all_reduce(layers);
      continue;
    }
    like_head("router", layers, S(d * double(f.experts)), m, m * S(5.0 * double(f.experts)));
    const double k = double(f.top_k), here = double(f.experts) / p.ep;
    const S routed = w.batch * w.tokens;  // tokens of all replicas
    const S read = share_of_experts_read(routed, double(f.experts), k);
    // Imbalance of the busiest of the ep ranks: of experts read, and of tokens computed.
    const S reading = through(
        read, [&](double share) { return busiest_count(here, share, p.ep) / (here * share); });
    const S computing = through(routed, [&](double tokens) {
      return busiest_count(tokens * k, 1.0 / p.ep, p.ep) / (tokens * k / p.ep);
    });
    const double each =
        t.expert_weights(f) * p.ep / double(p.stage_ranks());  // of an expert, on a rank
    const S weights = read * (S(here) * reading * S(each));
    const S pairs = routed * (S(k / p.ep) * computing);
    const WorkOf<S> work{bytes(weights * S(weight_bytes(w.experts))), bytes(S(0.0)),
                         flops(pairs * S(2 * each))};
    const FlopsOf<S> gates =
        flops(pairs * S(5.0 * double(f.expert_width) * p.ep / double(p.stage_ranks())));
    // Gate-up and down are two executions of the same kind.
    on_operator(OperatorOf<S>{"experts", Part::experts, S(2.0) * layers, weights * S(0.5),
                              S(0.5) * work, S(0.5) * gates});
    if (p.dp == 1) {
      all_reduce(layers);
      continue;
    }
    if (p.ep > 1) {
      // A token's copies for one rank are one, and a split expert needs one on each of its ranks.
      const double copies = bins_hit(double(f.experts), k, p.ep) * p.stage_ranks() / p.ep;
      on_exchange(ExchangeOf<S>{Exchange::all_to_all, p.stage_ranks(), S(2.0) * layers,
                                bytes(m * S(2 * d * copies / tp))});
    } else {
      const BytesOf<S> everything = bytes(routed * S(2 * d));
      on_exchange(ExchangeOf<S>{Exchange::all_gather, p.stage_ranks(), layers, everything});
      on_exchange(ExchangeOf<S>{Exchange::reduce_scatter, p.stage_ranks(), layers, everything});
    }
    // Each of the tp ranks has its part of the tokens back; shared experts left partial sums.
    if (f.width > 0) {
      all_reduce(layers);
    } else if (p.tp > 1) {
      on_exchange(ExchangeOf<S>{Exchange::all_gather, p.tp, layers, bytes(m * S(2 * d))});
    }
  }

  all_reduce(S(1.0));
  if (w.projected != Projected::none) {
    const S projected = w.projected == Projected::last ? m / w.tokens : m;
    like_head("head", S(1.0), S(t.head_weights() / tp), projected, projected * S(4 * d));
    if (p.tp > 1)
      on_exchange(ExchangeOf<S>{Exchange::all_reduce, p.tp, S(1.0), bytes(projected * S(2 * d))});
  }
  if (p.pp > 1) {
    on_exchange(ExchangeOf<S>{Exchange::hop, 2, S(double(p.pp - 1)), bytes(m * S(2 * d))});
    if (w.projected == Projected::all)  // a token's number goes back to the first stage
      on_exchange(ExchangeOf<S>{Exchange::hop, 2, S(1.0), bytes(m * S(4.0))});
  }
}

// Totals of a step on the busiest rank, and what a rank must hold.
template <class S>
struct DemandOf {
  struct Group {
    S weights{};  // read
    WorkOf<S> work{};
    S operators{};
  };
  std::array<Group, part_count> parts;  // by Part
  FlopsOf<S> scalar{};
  std::array<ExchangeOf<S>, most_exchanges>
      exchanges{};  // those with a count above zero come first
  int exchange_count = 0;
  BytesOf<S> weights_held{};  // on the rank that holds most
  BytesOf<S>
      kv_per_sequence{};  // held on a rank for one sequence of the batch, with all stages busy
  // Held by the stages on a token's path together: all experts, and the cache of all sequences.
  BytesOf<S> experts_held{}, kv_held{};

  constexpr Group& part(Part p) { return parts[std::size_t(p)]; }
  constexpr const Group& part(Part p) const { return parts[std::size_t(p)]; }
};
using Demand = DemandOf<double>;

template <class S>
DemandOf<S> demand(const Transformer& t, const WorkloadOf<S>& w, Partition p) {
  DemandOf<S> total;
  for_each_operator<S>(
      t, w, p,
      [&](const OperatorOf<S>& o) {
        auto& group = total.part(o.part);
        group.work = group.work + o.count * o.work;
        group.weights = group.weights + o.count * o.weights;
        group.operators = group.operators + o.count;
        total.scalar = total.scalar + o.count * o.scalar;
      },
      [&](const ExchangeOf<S>& e) {
        for (int i = 0; i < total.exchange_count; ++i) {
          auto& known = total.exchanges[std::size_t(i)];
          if (known.kind == e.kind && known.ranks == e.ranks && known.bytes == e.bytes) {
            known.count = known.count + e.count;
            return;
          }
        }
        total.exchanges[std::size_t(total.exchange_count++)] = e;
      });

  // A stage of ceil(layers / pp) layers is the one that holds most; the first or last has a table
  // besides. Of what is read in a step all is held; of the experts also those that nobody picked.
  // An MTP module has no tables of its own.
  const double stage = double((t.layers() + p.pp - 1) / p.pp) / double(t.layers());
  const double table = t.head_weights() * weight_bytes(w.head) / p.tp;
  const double tables = t.mtp_module ? 0 : p.pp == 1 && !t.tied ? 2 : 1;
  double experts = 0;
  for (const FeedForwardLayers& f : t.feed_forward) {
    experts += double(f.layers * f.experts) * t.expert_weights(f) * weight_bytes(w.experts) /
               p.stage_ranks();
  }
  S cached = S(0.0);  // bytes of a sequence, all layers
  for (const AttentionLayers& a : t.attention) {
    if (a.layers == 0) continue;
    const double share = a.latent() ? 1.0 : heads_of_rank(a, p.tp).kv / double(a.kv_heads);
    const S kept = w.context + w.tokens - S(1.0);
    cached = cached + S(double(a.layers) * a.kv_elements() * element_bytes(w.kv) * share) *
                          (a.window > 0 ? min(kept, S(double(a.window))) : kept);
  }
  const BytesOf<S> layers_held = total.part(Part::linear).work.read +
                                 total.part(Part::apart).work.read +
                                 bytes(S(experts - (w.projected == Projected::none ? 0 : table)));
  total.weights_held = S(stage) * layers_held + bytes(S(table * tables));
  total.kv_per_sequence = bytes(cached * S(stage * p.pp / double(p.dp)));
  total.experts_held = bytes(S(experts));
  total.kv_held = bytes(w.batch * cached * S(double(p.pp) / double(p.dp)));
  return total;
}

}  // namespace limen::model
