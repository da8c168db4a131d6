// Speculative decoding: tokens are drafted one after another, the model checks them all in one
// pass, and a step keeps those before the first wrong one and the model's own next token.
#pragma once

#include <algorithm>

#include "model/transformer.hpp"

namespace limen::model {

struct Drafts {
  int tokens = 0;         // drafted in a step; 0: no speculation
  double acceptance = 0;  // probability that one is right, if those before it were
  // What computes them: a smaller model, or an MTP module; null: looked up, for free.
  const Transformer* by = nullptr;
  WeightFormats formats{};  // of `by`

  // Expected tokens of a step: the i-th draft is kept with probability acceptance^i, so
  // 1 + a + ... + a^k = (1 - a^(k+1)) / (1 - a), and k + 1 at a = 1.
  constexpr double tokens_per_step() const {
    double sum = 1;
    for (int i = 0; i < tokens; ++i) sum = 1 + acceptance * sum;
    return sum;
  }
  // Passes of `by` in a step, and how many of it are held: of MTP modules the i-th makes the i-th
  // draft, and the last all those after it.
  constexpr int passes() const { return by ? tokens : 0; }
  constexpr int copies() const {
    if (!by || tokens == 0) return 0;
    return by->mtp_module ? int(std::min<std::int64_t>(tokens, by->mtp_layers)) : 1;
  }
};

// A multi-token prediction module as DeepSeek-V3 has it: the embedding of the last token and the
// hidden state that led to it are projected from 2 d to d, pass one layer like the model's last,
// and end in the model's own output projection.
inline Transformer mtp_module(const Transformer& t) {
  Transformer m = t;
  m.name = t.name + " MTP";
  m.mtp_module = true;
  m.nominal_parameters = 0;
  m.attention = {t.attention[t.attention[0].layers > 0 ? 0 : 1]};
  m.feed_forward = {t.feed_forward[t.feed_forward[1].layers > 0 ? 1 : 0]};
  m.attention[0].layers = m.feed_forward[0].layers = 1;
  return m;
}

// The pass that checks the drafts.
template <class S>
WorkloadOf<S> checking(WorkloadOf<S> w, const Drafts& d) {
  w.tokens = w.tokens + S(double(d.tokens));
  return w;
}

// The i-th pass that drafts, i from 0. (The first also takes in what the last step kept; weights
// and cache are read once for it, so that only arithmetic is left out.)
template <class S>
WorkloadOf<S> drafting(const WorkloadOf<S>& w, const Drafts& d, double i) {
  return {w.batch,           w.context + S(i), d.formats.weights, w.kv,
          d.formats.experts, S(1.0),           d.formats.head};
}

// Where it runs: a draft model as the model does, an MTP module on the last pipeline stage.
constexpr Partition drafting(Partition p, const Drafts& d) {
  if (d.by->mtp_module) p.pp = 1;
  return p;
}

}  // namespace limen::model
