// What one decode step demands of a rank, operator by operator and in total.
//
// Conventions. A step yields one token for each of `batch` sequences. Under pipeline parallelism a
// token passes all stages one after another, so the demand is summed over the stages: it is what
// lies on the path of one token. Weights are read once a step whatever the batch. Grouped-query
// attention reads each key and value once for all query heads that share it. Activations stay on
// chip and are not counted: the ideal limit must not be beatable. The embedding table is looked up,
// not read; the output projection is read whole.
#pragma once

#include "model/transformer.hpp"

namespace limen::model {

enum class Kind { linear, attention };

template <class S>
struct OperatorOf {
  const char* name;
  Kind kind;
  S count;            // executions in a step (once a layer, or once)
  S weights;          // of one execution, on one rank
  WorkOf<S> work;     // of one execution, on one rank: weights or KV bytes, matrix FLOPs
  FlopsOf<S> scalar;  // operations of one execution that are no matrix product (norms, softmax,
                      // rotations, gates)
};

// Calls f(operator) for each operator of a step, in the order of execution.
// Scalar operations an element: norm 4, rotation 3, softmax 5 a score, gate 5, residual 1.
template <class S, class F>
constexpr void for_each_operator(const Transformer& t, const WorkloadOf<S>& w, Partition p, F&& f) {
  const S m = w.batch, tp = S(p.tp), layers = S(static_cast<double>(t.layers));
  const double d = static_cast<double>(t.hidden), ffn = static_cast<double>(t.ffn);
  const double wb = weight_bytes(w.weights), kb = element_bytes(w.kv);
  auto linear = [&](const char* name, S count, double rows, double cols, S scalar) {
    const S weights = S(rows * cols) / tp;
    f(OperatorOf<S>{name,
                    Kind::linear,
                    count,
                    weights,
                    {bytes(weights * S(wb)), bytes(S(0)), flops(S(2) * weights * m)},
                    flops(scalar)});
  };
  linear("qkv", layers, t.q_width() + 2 * t.kv_width(), d,
         m * (S(4 * d) + S(3 * (t.q_width() + t.kv_width())) / tp));
  // Heads are split over ranks; beyond one KV head a rank the heads are replicated.
  const S kv_share = S(static_cast<double>(p.tp < t.kv_heads ? p.tp : t.kv_heads));
  const S per_token = S(t.kv_elements() * kb) / kv_share;
  f(OperatorOf<S>{"attention",
                  Kind::attention,
                  layers,
                  S(0),
                  {bytes(m * w.context * per_token), bytes(m * per_token),
                   flops(S(4) * m * w.context * S(t.q_width()) / tp)},
                  flops(S(5) * m * w.context * S(static_cast<double>(t.query_heads)) / tp)});
  linear("output", layers, d, t.q_width(), m * S(d));
  linear("gate-up", layers, 2 * ffn, d, m * (S(4 * d) + S(5 * ffn) / tp));
  linear("down", layers, d, ffn, m * S(d));
  linear("head", S(1), static_cast<double>(t.vocabulary), d, m * S(4 * d));
}

// Totals of a step on one rank, and what the rank must hold.
template <class S>
struct DemandOf {
  S weights{};  // read in the step
  WorkOf<S> linear{}, attention{};
  FlopsOf<S> scalar{};
  S operators{};                 // operators dispatched
  S all_reduces{}, hops{};       // collectives on the critical path
  BytesOf<S> message{};          // of one of them: the activations of the batch, 16 bits each
  BytesOf<S> weights_held{};     // on the rank that holds most
  BytesOf<S> kv_per_sequence{};  // held on a rank for one sequence in flight in each stage
};
using Demand = DemandOf<double>;

template <class S>
constexpr DemandOf<S> demand(const Transformer& t, const WorkloadOf<S>& w, Partition p) {
  DemandOf<S> total;
  const double layers = static_cast<double>(t.layers);
  const double stage_layers = static_cast<double>((t.layers + p.pp - 1) / p.pp);
  BytesOf<S> kv_layer;
  for_each_operator<S>(t, w, p, [&](const OperatorOf<S>& o) {
    auto& group = o.kind == Kind::linear ? total.linear : total.attention;
    group = group + o.count * o.work;
    total.weights = total.weights + o.count * o.weights;
    total.scalar = total.scalar + o.count * o.scalar;
    total.operators = total.operators + o.count;
    if (o.kind == Kind::attention) kv_layer = o.work.written / w.batch * (w.context + S(1));
  });
  // Two all-reduces a layer (after the attention's and the network's output matrices), one for the
  // embedding's and one for the head's split vocabulary.
  if (p.tp > 1) total.all_reduces = S(2 * layers + 2);
  total.hops = S(static_cast<double>(p.pp - 1));
  total.message = bytes(w.batch * S(2.0 * static_cast<double>(t.hidden)));
  const double edge = t.head_weights() * (t.tied && p.pp == 1 ? 1 : p.pp == 1 ? 2 : 1);
  total.weights_held = bytes(
      S((stage_layers * t.layer_weights() + edge) * weight_bytes(w.weights)) / S(double(p.tp)));
  total.kv_per_sequence = S(stage_layers * p.pp) * kv_layer;
  return total;
}

}  // namespace limen::model
