// What a step demands, over random transformers, against sums that are written down in another way.
#include <cmath>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "model/cards/model_card.hpp"
#include "model/demand.hpp"

namespace limen::model {
namespace {

struct Random {
  std::mt19937_64 engine{20241124};
  std::int64_t from(std::int64_t low, std::int64_t high) {
    return low + std::int64_t(engine() % std::uint64_t(high - low + 1));
  }
  bool coin() { return engine() % 2 == 0; }

  AttentionLayers attention() {
    AttentionLayers a;
    a.layers = from(1, 3);
    if (from(0, 3) == 0) {
      a.query_heads = 8 * from(1, 3);
      a.kv_heads = 1;
      a.kv_rank = from(1, 40);
      a.nope = from(1, 20);
      a.rope = from(1, 9);
      a.value_dim = from(1, 20);
      if (coin()) a.q_rank = from(1, 30);
      if (coin()) a.index_heads = 8, a.index_dim = from(1, 16), a.index_top = from(1, 40);
    } else {
      a.kv_heads = 8 * from(1, 2);
      a.query_heads = a.kv_heads * from(1, 4);
      a.head_dim = from(1, 32);
      if (coin()) a.window = from(1, 60), a.chunked = coin();
    }
    return a;
  }
  FeedForwardLayers feed_forward() {
    FeedForwardLayers f;
    f.gated = from(0, 4) > 0;
    if (coin()) {
      f.width = from(1, 100);
      return f;
    }
    f.experts = 8 * from(1, 4);
    f.top_k = from(1, f.experts);
    f.expert_width = from(1, 40);
    f.width = coin() ? from(1, 50) : 0;
    return f;
  }
  Transformer transformer() {
    Transformer t;
    t.hidden = from(1, 64);
    t.vocabulary = from(1, 500);
    t.tied = coin();
    t.attention[0] = attention();
    if (coin()) t.attention[1] = attention();
    t.feed_forward[0] = feed_forward();
    t.feed_forward[0].layers = t.layers();
    if (t.layers() > 1 && coin()) {
      t.feed_forward[1] = feed_forward();
      t.feed_forward[1].layers = 1;
      t.feed_forward[0].layers -= 1;
    }
    return t;
  }
  Workload workload() {
    const auto some = [&] { return weight_formats[std::size_t(from(0, 9))]; };
    Workload w{double(from(1, 20)), double(from(1, 150)), some(),
               kv_formats[std::size_t(from(0, 4))]};
    w.experts = coin() ? some() : w.weights;
    w.head = coin() ? some() : w.weights;
    w.tokens = double(coin() ? 1 : from(1, 70));
    return w;
  }
};

// Positions that a query at position q sees, counted one by one.
std::set<int> in_sight(const AttentionLayers& a, int q) {
  std::set<int> out;
  for (int k = 0; k <= q; ++k) {
    if (a.window > 0 && a.chunked && k / a.window != q / a.window) continue;
    if (a.window > 0 && !a.chunked && q - k >= a.window) continue;
    out.insert(k);
  }
  return out;
}

struct Totals {
  double read = 0, matrix_flops = 0, attention_read = 0, attention_written = 0, attention_flops = 0;
};

// On one rank, matrix by matrix and position by position.
Totals by_hand(const Transformer& t, const Workload& w) {
  Totals out;
  const double d = double(t.hidden), m = w.batch * w.tokens;
  auto matrix = [&](double count, double rows, double columns, Format f, double tokens) {
    out.read += count * rows * columns * weight_bytes(f);
    out.matrix_flops += 2 * count * rows * columns * tokens;
  };
  for (const auto& a : t.attention) {
    const double n = double(a.layers), heads = double(a.query_heads);
    if (a.latent()) {
      const double head = double(a.nope + a.rope), rank = double(a.kv_rank);
      if (a.q_rank > 0) {
        matrix(n, d, double(a.q_rank), w.weights, m);
        matrix(n, double(a.q_rank), heads * head, w.weights, m);
      } else {
        matrix(n, d, heads * head, w.weights, m);
      }
      matrix(n, d, rank + double(a.rope), w.weights, m);
      matrix(n * heads, double(a.nope), rank, w.weights, m);       // queries into the latent space
      matrix(n * heads, rank, double(a.value_dim), w.weights, m);  // and what they found out of it
      matrix(n, heads * double(a.value_dim), d, w.weights, m);
    } else {
      matrix(n, d, heads * double(a.head_dim), w.weights, m);
      matrix(2 * n, d, double(a.kv_heads * a.head_dim), w.weights, m);
      matrix(n, heads * double(a.head_dim), d, w.weights, m);
    }
    if (a.index_heads > 0) {
      matrix(n, double(a.q_rank ? a.q_rank : t.hidden), double(a.index_heads * a.index_dim),
             w.weights, m);
      matrix(n, d, double(a.index_dim + a.index_heads), w.weights, m);
    }
    std::set<int> first, seen;
    double scores = 0, index_scores = 0;
    for (int i = 0; i < int(w.tokens); ++i) {
      const auto sight = in_sight(a, int(w.context) - 1 + i);
      const double all = double(sight.size());
      index_scores += all;
      scores += a.index_top > 0 ? std::fmin(all, double(a.index_top)) : all;
      seen.insert(sight.begin(), sight.end());
      if (i == 0) first = sight;
    }
    const double kb = element_bytes(w.kv);
    const double entry =
        a.latent() ? double(a.kv_rank + a.rope) : 2.0 * double(a.kv_heads * a.head_dim);
    // Of a sparse cache the first token's choice, and the new ones.
    const double entries = a.index_top > 0
                               ? std::fmin(double(first.size()), double(a.index_top)) + w.tokens - 1
                               : double(seen.size());
    const double key = a.index_heads > 0 ? double(a.index_dim) : 0;
    out.attention_read += n * w.batch * kb * (entries * entry + double(seen.size()) * key);
    out.attention_written += n * m * kb * (entry + key);
    const double width = a.latent() ? double(2 * a.kv_rank + a.rope) : 2.0 * double(a.head_dim);
    out.attention_flops +=
        n * w.batch * 2 *
        (scores * heads * width + index_scores * double(a.index_heads * a.index_dim));
  }
  for (const auto& f : t.feed_forward) {
    const double n = double(f.layers), matrices = f.gated ? 3 : 2;
    matrix(n * matrices, d, double(f.width), w.weights, m);
    if (f.experts == 0) continue;
    matrix(n, d, double(f.experts), w.head, m);
    const double each = matrices * d * double(f.expert_width);
    const double missed = std::pow(1 - double(f.top_k) / double(f.experts), m);
    out.read += n * double(f.experts) * (1 - missed) * each * weight_bytes(w.experts);
    out.matrix_flops += 2 * n * m * double(f.top_k) * each;
  }
  matrix(1, d, double(t.vocabulary), w.head, m);
  return out;
}

double moved(const Demand& d) {
  double sum = 0;
  for (const auto& part : d.parts) sum += part.work.moved().in(bytes);
  return sum;
}

TEST(DemandProperties, OperatorsAddUpToTheTotalsOfTheModel) {
  Random random;
  for (int i = 0; i < 2000; ++i) {
    SCOPED_TRACE(i);
    const Transformer t = random.transformer();
    const Workload w = random.workload();
    const Demand d = demand<double>(t, w, {});
    const Totals known = by_hand(t, w);
    double read = 0, computed = 0;
    for (Part p : {Part::linear, Part::experts, Part::apart}) {
      read += d.part(p).work.read.in(bytes);
      computed += d.part(p).work.flops.in(flops);
      ASSERT_EQ(d.part(p).work.written.in(bytes), 0);
    }
    const Work& attention = d.part(Part::attention).work;
    ASSERT_NEAR(read / known.read, 1, 1e-12);
    ASSERT_NEAR(computed / known.matrix_flops, 1, 1e-12);
    ASSERT_NEAR(attention.read.in(bytes) / known.attention_read, 1, 1e-12);
    ASSERT_NEAR(attention.written.in(bytes) / known.attention_written, 1, 1e-12);
    ASSERT_NEAR(attention.flops.in(flops) / known.attention_flops, 1, 1e-12);
    ASSERT_EQ(d.exchange_count, 0);  // one rank has nobody to wait for
    // All is held that is read, and the checkpoint but for norms and biases.
    const double checkpoint = t.checkpoint_bytes({w.weights, w.experts, w.head});
    ASSERT_GE(d.weights_held.in(bytes), read * (1 - 1e-12) + 0);
    const double vectors = t.parameters() * weight_bytes(w.head);
    ASSERT_LE(d.weights_held.in(bytes), checkpoint * (1 + 1e-12));
    ASSERT_GE(d.weights_held.in(bytes), checkpoint - vectors);
  }
}

TEST(DemandProperties, MoreOfAnythingIsNeverLess) {
  Random random;
  for (int i = 0; i < 1000; ++i) {
    SCOPED_TRACE(i);
    Transformer t = random.transformer();
    for (auto& a : t.attention) a.chunked = false;  // a chunk begins anew
    const Workload w = random.workload();
    const Demand d = demand<double>(t, w, {});
    for (double Workload::*which : {&Workload::batch, &Workload::context, &Workload::tokens}) {
      Workload more = w;
      more.*which += double(random.from(1, 50));
      const Demand e = demand<double>(t, more, {});
      ASSERT_GE(moved(e), moved(d));
      ASSERT_GE(e.weights_held, d.weights_held);
      ASSERT_GE(e.kv_per_sequence, d.kv_per_sequence);
      ASSERT_GE(e.scalar, d.scalar);
      for (std::size_t p = 0; p < part_count; ++p)
        ASSERT_GE(e.parts[p].work.flops, d.parts[p].work.flops);
    }
  }
}

TEST(DemandProperties, RanksShareTheModelAndRepeatOnlyWhatCannotBeSplit) {
  Random random;
  for (int i = 0; i < 1000; ++i) {
    SCOPED_TRACE(i);
    const Transformer t = random.transformer();
    Workload w = random.workload();
    w.experts = w.head = w.weights;
    const int tp = 1 << random.from(1, 3);  // divides all heads
    const Demand one = demand<double>(t, w, {}), part = demand<double>(t, w, {.tp = tp});
    // Routers, down-projections and the indexer's are on every rank: the excess is theirs alone.
    double repeated = 0;
    for (const auto& a : t.attention) {
      if (!a.latent()) continue;
      repeated += double(a.layers * t.hidden * (a.q_rank + a.kv_rank + a.rope));
      const auto queries = (a.q_rank ? a.q_rank : t.hidden) * a.index_dim + t.hidden;
      repeated += double(a.layers * a.index_heads * queries);
      if (a.index_heads > 0) repeated += double(a.layers * t.hidden * a.index_dim);
    }
    for (const auto& f : t.feed_forward) repeated += double(f.layers * t.hidden * f.experts);
    double all = 0, sum = 0;
    for (Part p : {Part::linear, Part::experts}) {
      all += one.part(p).weights;
      sum += tp * part.part(p).weights;
    }
    ASSERT_NEAR(sum, all + (tp - 1) * repeated, 1e-9 * all);
    ASSERT_EQ(part.exchange_count, 1);
    ASSERT_EQ(part.exchanges[0].count, 2.0 * double(t.layers()) + 2);
  }
}

TEST(DemandProperties, FewerKeysAreFewerBytes) {
  Random random;
  for (int i = 0; i < 300; ++i) {
    Transformer t = random.transformer();
    AttentionLayers a;
    a.layers = t.layers();
    a.query_heads = 16;
    a.head_dim = random.from(1, 64);
    const Workload w = random.workload();
    auto cache = [&](std::int64_t heads) {
      a.kv_heads = heads;
      t.attention = {a};
      return demand<double>(t, w, {}).part(Part::attention).work.moved().in(bytes);
    };
    ASSERT_LT(cache(1), cache(4));
    ASSERT_LT(cache(4), cache(16));
    ASSERT_DOUBLE_EQ(cache(16) / cache(1), 16);
  }
}

TEST(DemandProperties, ExpertsThatAreAllTakenAreADenseNetwork) {
  Random random;
  for (int i = 0; i < 300; ++i) {
    Transformer t = random.transformer();
    Workload w = random.workload();
    w.experts = w.weights;
    FeedForwardLayers f;
    f.layers = t.layers();
    f.experts = f.top_k = random.from(2, 16);
    f.expert_width = random.from(1, 40);
    t.feed_forward = {f};
    const Demand sparse = demand<double>(t, w, {});
    f.width = f.experts * f.expert_width;
    const double router = double(f.layers * t.hidden * f.experts);
    f.experts = f.top_k = f.expert_width = 0;
    t.feed_forward = {f};
    const Demand dense = demand<double>(t, w, {});
    ASSERT_NEAR(moved(sparse) - router * weight_bytes(w.head), moved(dense), 1e-9 * moved(dense));
    double a = 0, b = 0;
    for (const auto& part : sparse.parts) a += part.work.flops.in(flops);
    for (const auto& part : dense.parts) b += part.work.flops.in(flops);
    ASSERT_NEAR(a - 2 * router * w.batch * w.tokens, b, 1e-9 * b);
  }
}

// DeepSeek-V3, a token, in the absorbed form: d 7168, 128 heads of 128 + 64, ranks 1536 and 512.
TEST(DemandProperties, LatentAttentionOfDeepSeekByHand) {
  const Transformer t = cards::find_model("deepseek-v3");
  const double context = 10000;
  const Demand d = demand<double>(t, {1, context, Format::fp8, Format::fp8}, {});
  // Scores over 512 + 64 elements and sums over 512, for each of 128 heads and cached tokens.
  EXPECT_DOUBLE_EQ(d.part(Part::attention).work.flops.in(flops),
                   61 * context * 128 * 2 * (576 + 512));
  const double attention = 7168.0 * 1536 + 1536.0 * 128 * 192  // queries down and up
                           + 7168.0 * 576                      // keys and values down
                           + 128.0 * 128 * 512 * 2             // into and out of the latent space
                           + 128.0 * 128 * 7168;               // output
  const double network = 3 * (3 * 7168.0 * 18432)              // three dense layers
                         + 58 * (3 * 7168.0 * 2048 + 7168.0 * 256);  // shared experts and routers
  EXPECT_DOUBLE_EQ(d.part(Part::linear).work.flops.in(flops),
                   2 * (61 * attention + network + 7168.0 * 129280));
  // Per cached token it computes 278,528 FLOPs where it reads 576 bytes.
  EXPECT_NEAR(
      d.part(Part::attention).work.flops.in(flops) / d.part(Part::attention).work.read.in(bytes),
      278528.0 / 576, 1e-9);
}

}  // namespace
}  // namespace limen::model
