// The stages of a step, in their order.
#include <cmath>

#include "kernels/cuda/decoder_rank.hpp"

namespace limen::gpu {

void Decoder::Rank::product(const Weights& w, const Words* x, float* y) const {
  if (sequences() == 1) {
    gemv(*device, w.matrix, w.words.data(), w.scales.data(), x, y, four_rows(*device, w.matrix));
  } else {
    (*multiply)(w.matrix,
                {.weights = w.words.data(),
                 .scales = w.scales.data(),
                 .x = x,
                 .y = y,
                 .tokens = u(sequences()),
                 .x_words = x_words(w.matrix.cols)},
                u(sequences()));
  }
}

// Of all slots of a layer, by expert; most experts have as many as on average.
void Decoder::Rank::experts(const Weights& w, const Layer& layer, const LayerShape& s,
                            const Words* x, const U32* source_of, float* y) const {
  const std::size_t pairs = sequences() * s.top_k;
  (*multiply)(w.matrix,
              {.weights = w.words.data(),
               .scales = w.scales.data(),
               .x = x,
               .y = y,
               .tokens = u(pairs),
               .x_words = x_words(w.matrix.cols),
               .active = layer.active.data(),
               .first = first.data(),
               .source = source_of},
              ceiling(pairs, s.experts), u(std::min(s.experts, pairs)));
}

void Decoder::make_stages(Rank& r) {
  const Device& d = *r.device;
  const KernelTable& k = d.kernels();
  const DecodeShape& s = r.shape;
  const unsigned n = u(s.sequences), hidden = u(s.hidden);
  const auto format = static_cast<std::size_t>(r.head.matrix.format);
  r.stages.clear();
  std::size_t block = 2 * s.layers.size();
  const auto add = [&](Op op, std::function<void()> send) {
    r.stages.push_back({op, block, std::move(send)});
  };
  // Adds up `out` over the ranks.
  const auto exchange = [&] {
    if (ranks() == 1) return;
    add(Op::rest, [&r, &d, &k, n, hidden] {
      d.launch(k.round_message,
               {{ceiling(n * hidden / 8, k.round_message.threads)}, k.round_message.threads},
               r.out.data(), r.message.data(), n * hidden / 8);
    });
    add(Op::exchange, [this, &r] {
      sums_->send(r.shape.rank, reinterpret_cast<const U32*>(r.message.data()),
                  reinterpret_cast<U32*>(r.summed.data()));
    });
  };
  bool is_first = true;
  const auto norm = [&](const Memory<Words>& gains) {
    add(Op::rest, [this, &r, &d, &k, n, hidden, is_first, g = gains.data()] {
      const unsigned first = is_first ? 1 : 0, words = x_words(hidden);
      if (ranks() == 1) {
        d.launch(k.add_norm, {{n}, k.add_norm.threads}, r.residual.data(), r.out.data(), g,
                 r.normed.data(), hidden, words, first, norm_epsilon);
      } else {
        d.launch(k.add_norm_bf16, {{n}, k.add_norm_bf16.threads}, r.residual.data(),
                 reinterpret_cast<const std::uint16_t*>(r.summed.data()), g, r.normed.data(),
                 hidden, words, first, norm_epsilon);
      }
    });
    is_first = false;
  };
  const auto gate = [&](std::size_t rows, std::size_t width) {
    add(Op::rest, [&r, &d, &k, rows, width] {
      d.launch(k.gate_rows,
               {{ceiling(width / 8, k.gate_rows.threads), u(rows)}, k.gate_rows.threads},
               r.gate_up.data(), r.gated.data(), u(width), x_words(width));
    });
  };
  const auto product = [&](Op op, const Weights& w, const Memory<Words>& x, Memory<float>& y) {
    add(op, [&r, &w, from = x.data(), to = y.data()] { r.product(w, from, to); });
  };

  add(Op::rest, [&r, &d, &k, &s, n, hidden, format] {
    d.launch(k.embed[format], {{n}, k.embed[format].threads}, r.tokens.data(), r.head.words.data(),
             r.head.scales.data(), r.out.data(), u(s.first_token()), u(s.vocabulary), hidden);
  });
  exchange();
  for (std::size_t l = 0; l < s.layers.size(); ++l) {
    const LayerShape& shape = s.layers[l];
    Layer& layer = r.layers[l];
    block = 2 * l;
    norm(layer.attention_gain);
    product(Op::qkv, layer.of(Role::qkv), r.normed, r.qkv);
    if (shape.is_latent()) {
      add_latent_stages(r, l, add);
    } else {
      add(Op::rest, [&r, &d, &k, &layer, &shape, &s, n] {
        const Heads heads{u(shape.query_heads), u(shape.kv_heads), u(shape.head_dim),
                          u(s.kept(shape)), u(s.context - 1)};
        d.launch(k.rotate_append, {{heads.query + 2 * heads.kv, n}, k.rotate_append.threads},
                 r.qkv.data(), r.turns.data(), r.q.data(), layer.keys.data(), layer.values.data(),
                 heads);
      });
      add(Op::attention, [&r, &d, &layer, a = attention_of(s, shape)] {
        attention(d, a,
                  {r.q.data(), layer.keys.data(), layer.values.data(), r.partial.data(), nullptr,
                   halves(r.attended)},
                  attention_shares(d, a), 1 / std::sqrt(static_cast<float>(a.dim)));
      });
    }
    product(Op::output, layer.of(Role::output), r.attended, r.out);
    exchange();
    block = 2 * l + 1;
    norm(layer.network_gain);
    if (shape.width > 0) {
      product(Op::gate_up, layer.of(Role::gate_up), r.normed, r.gate_up);
      gate(s.sequences, shape.width);
      product(Op::down, layer.of(Role::down), r.gated, r.out);
    }
    if (shape.experts > 0) {
      const std::size_t pairs = s.sequences * shape.top_k;
      product(Op::router, layer.of(Role::router), r.normed, r.scores);
      add(Op::rest, [&r, &d, &k, &shape, n] {
        d.launch(k.choose_experts, {{n}, k.choose_experts.threads}, r.scores.data(),
                 r.chosen.data(), r.weight.data(), u(shape.experts), u(shape.top_k),
                 shape.sigmoid ? 1u : 0u);
      });
      add(Op::rest, [&r, &d, &k, &layer, &shape, pairs] {
        d.launch(k.order_pairs, {{1}, k.order_pairs.threads}, r.chosen.data(), r.first.data(),
                 r.slot.data(), r.source.data(), layer.active.data(), u(pairs), u(shape.top_k),
                 u(shape.experts));
      });
      add(Op::experts, [&r, &layer, &shape] {
        r.experts(layer.expert_gate_up, layer, shape, r.normed.data(), r.source.data(),
                  r.gate_up.data());
      });
      gate(pairs, shape.expert_width);
      add(Op::experts, [&r, &layer, &shape] {
        r.experts(layer.expert_down, layer, shape, r.gated.data(), nullptr, r.results.data());
      });
      add(Op::rest, [&r, &d, &k, &shape, n, hidden] {
        d.launch(k.combine, {{ceiling(hidden, k.combine.threads), n}, k.combine.threads},
                 r.results.data(), r.slot.data(), r.weight.data(), r.out.data(), hidden,
                 u(shape.top_k), shape.width > 0 ? 0 : 1);
      });
    }
    exchange();
  }
  block = 2 * s.layers.size();
  norm(r.last_gain);
  product(Op::head, r.head, r.normed, r.logits);
  const unsigned shares = candidate_shares(s);
  add(Op::rest, [&r, &d, &k, &s, n, shares] {
    d.launch(k.largest_logit, {{shares, n}, k.largest_logit.threads}, r.logits.data(),
             r.candidates.data(), u(s.vocabulary), u(s.first_token()));
  });
  add(Op::rest, [this, &r, &d, &k, &s, n, shares] {
    U32* message = ranks() == 1 ? nullptr : r.choice.data() + s.rank * n * 4;
    d.launch(k.sample, {{n}, k.sample.threads}, r.candidates.data(), shares, r.next.data(),
             message);
  });
  if (ranks() == 1) return;
  add(Op::exchange,
      [this, &r] { choices_->send(r.shape.rank, r.choice.data(), r.choices.data()); });
  add(Op::rest, [this, &r, &d, &k, n] {
    d.launch(k.sample_of_ranks, {{1}, k.sample_of_ranks.threads}, r.choices.data(), u(ranks()), n,
             r.next.data());
  });
}

}  // namespace limen::gpu
