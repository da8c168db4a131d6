// A sweep's figures have the bits of one evaluation after the other, whatever shares a lot.
#include <cmath>
#include <cstring>
#include <random>

#include <gtest/gtest.h>

#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/sweep/evaluator.hpp"

namespace limen::model {
namespace {

class Random {
 public:
  explicit Random(std::uint64_t seed) : bits_(seed) {}
  double log_uniform(double low, double high) {
    return low * std::pow(high / low, std::uniform_real_distribution<double>(0, 1)(bits_));
  }
  std::int64_t whole(double low, double high) {
    return static_cast<std::int64_t>(log_uniform(low, high));
  }
  std::size_t below(std::size_t n) { return bits_() % n; }
  bool coin() { return below(2) == 0; }

 private:
  std::mt19937_64 bits_;
};

template <class Q>
Parameter<Q> about(Q q, double share) {
  return {q, q * (1 - share), q * (1 + share), Evidence::fitted, "test"};
}

Machine random_machine(Random& r) {
  Machine m;
  m.name = "random";
  m.devices = 1 << r.below(8);
  m.ranks_per_device = r.coin() ? 1 : 4;
  m.devices_per_node = r.coin() ? 0 : 4;
  for_each_parameter(m, [&](const std::string&, auto& p) {
    if (r.coin()) return;
    using Q = typename std::remove_reference_t<decltype(p)>::value_type;
    using D = typename decltype(Q::value)::dimension;
    const double typical = std::is_same_v<D, Time>       ? r.log_uniform(1e-13, 1e-4)
                           : std::is_same_v<D, Scalar>   ? r.log_uniform(0.2, 0.9)
                           : std::is_same_v<D, DataRate> ? r.log_uniform(1e9, 1e13)
                           : std::is_same_v<D, Data>     ? r.log_uniform(1e9, 1e12)
                                                         : r.log_uniform(1e11, 1e15);
    p = about(Unit<D>{1.0}(typical), 0.05);
  });
  m.memory_bandwidth = about(gigabytes_per_second(r.log_uniform(10, 1e5)), 0.1);
  m.compute[int(Format::bf16)] = about(teraflops_per_second(r.log_uniform(0.1, 1e4)), 0.1);
  for_each_collective(m, [&](const char*, auto& pieces) {
    if (r.coin()) return;
    for (int ranks : {2, 4, 8}) {
      for (double from : {0.0, 4096.0, 262144.0}) {
        pieces.push_back({ranks, bytes(from), about(microseconds(r.log_uniform(0.1, 50)), 0.1),
                          about(seconds_per_byte(r.log_uniform(1e-13, 1e-9)), 0.2), 0.05});
      }
    }
  });
  return m;
}

Transformer random_dense(Random& r) {
  Transformer t;
  t.name = "random";
  t.hidden = 64 * r.whole(4, 256);
  t.vocabulary = r.whole(1000, 3e5);
  t.tied = r.coin();
  const std::int64_t layers = r.whole(4, 128), local = r.coin() ? 0 : layers / 2;
  const std::int64_t kv = std::int64_t{1} << r.below(5);
  for (int i = 0; i < 2; ++i) {
    auto& a = t.attention[std::size_t(i)];
    a.layers = i == 0 ? layers - local : local;
    a.kv_heads = kv;
    a.query_heads = kv * r.whole(1, 9);
    a.head_dim = 64 << r.below(2);
    a.window = i == 0 ? 0 : r.whole(128, 8192);
    a.chunked = i == 1 && r.coin();
    if (i == 0 && r.below(4) == 0) {  // latent
      a.kv_rank = 512;
      a.rope = 64;
      a.nope = a.value_dim = 128;
      a.q_rank = r.coin() ? 1536 : 0;
    }
  }
  t.feed_forward[0].layers = layers;
  t.feed_forward[0].gated = r.coin();
  t.feed_forward[0].width = 64 * r.whole(8, 1024);
  return t;
}

Grid random_grid(Random& r, const std::string& expert_model = "") {
  Grid g;
  for (std::size_t i = 1 + r.below(2); i-- > 0;) g.machines.push_back(random_machine(r));
  for (std::size_t i = 1 + r.below(2); i-- > 0;) g.models.push_back(random_dense(r));
  if (!expert_model.empty()) g.models.push_back(cards::find_model(expert_model));
  g.weights = {Format::bf16, Format::int4};
  g.kv = {r.coin() ? Format::bf16 : Format::fp8};
  g.tp = {1, 2, 16};
  g.pp = {1, 2};
  g.dp = {1, 2};
  g.ep = {1, 2};
  const std::pair<const char*, std::vector<double>> axes[] = {
      {"memory.bandwidth", {1e12, 4e12, 1.8e13}}, {"sync.tp", {0, 1e-6}},
      {"sync.tp_bandwidth", {1e11, 9e11}},        {"linear.bf16.efficiency", {0.5, 1}},
      {"memory.capacity", {1e10, 1e12}},          {"devices", {1, 64}}};
  for (std::size_t i = r.below(3); i-- > 0;) {
    const auto& axis = axes[r.below(6)];
    g.machine_axes.push_back({axis.first, axis.second});
  }
  g.draws = r.coin() ? 0 : 3;
  g.batches.clear();
  g.contexts.clear();
  for (std::size_t i = 1 + r.below(4); i-- > 0;) g.batches.push_back(double(r.whole(1, 512)));
  for (std::size_t i = 1 + r.below(20); i-- > 0;) g.contexts.push_back(double(r.whole(1, 2e5)));
  return g;
}

// Of configuration i of both; a difference in any bit is one.
void expect_same(const Figures& a, const Figures& b, std::size_t i) {
  const std::pair<const double*, const double*> numbers[] = {{a.utps, b.utps},
                                                             {a.stps, b.stps},
                                                             {a.utps_ideal, b.utps_ideal},
                                                             {a.stps_ideal, b.stps_ideal},
                                                             {a.memory, b.memory},
                                                             {a.compute, b.compute},
                                                             {a.sync, b.sync},
                                                             {a.held, b.held},
                                                             {a.factor, b.factor}};
  for (const auto& [x, y] : numbers) ASSERT_EQ(std::memcmp(x + i, y + i, sizeof *x), 0) << x[i];
  ASSERT_EQ(a.binding[i], b.binding[i]);
  ASSERT_EQ(a.next[i], b.next[i]);
  ASSERT_EQ(a.possible[i], b.possible[i]);
  ASSERT_EQ(a.fits[i], b.fits[i]);
}

void expect_lanes_as_plain(const Grid& g, SimdTarget target, Random& r) {
  Evaluator lanes(g, target), plain(g);
  auto a = std::make_unique<Figures>(), b = std::make_unique<Figures>();
  const std::uint64_t points = g.points().value();
  for (std::uint64_t first = 0; first < points;) {
    const auto n = std::min<std::uint64_t>(1 + r.below(Figures::most), points - first);
    lanes.evaluate(first, n, *a);
    plain.evaluate_plainly(first, n, *b);
    for (std::size_t i = 0; i < n; ++i) {
      expect_same(*a, *b, i);
      if (testing::Test::HasFatalFailure()) FAIL() << "configuration " << first + i;
    }
    first += r.below(5) == 0 ? n + r.below(500) : n;  // also from where it did not stand
  }
}

class Sweep : public testing::TestWithParam<SimdTarget> {
 protected:
  void SetUp() override {
    if (!available(GetParam())) GTEST_SKIP() << name(GetParam()) << " is not here";
  }
};

TEST_P(Sweep, LanesHaveTheBitsOfThePlainPath) {
  Random r(20261124);
  for (int i = 0; i < 12 && !HasFatalFailure(); ++i)
    expect_lanes_as_plain(random_grid(r), GetParam(), r);
}

TEST_P(Sweep, SoDoExperts) {
  Random r(7);
  for (const char* model : {"mixtral-8x7b", "deepseek-v3", "gpt-oss-120b"}) {
    Grid g = random_grid(r, model);
    g.batches = {1, 7, 64};
    g.contexts = {1000, 2000, 3000, 4000, 5000};
    g.weights = {Format::bf16};
    expect_lanes_as_plain(g, GetParam(), r);
  }
}

TEST_P(Sweep, ConventionsOfCountingGoThePlainWay) {
  Random r(3);
  Grid g = random_grid(r);
  g.models = {cards::find_model("llama-3.1-405b")};
  g.conventions = Conventions::paper();
  expect_lanes_as_plain(g, GetParam(), r);
}

INSTANTIATE_TEST_SUITE_P(Each, Sweep,
                         testing::Values(SimdTarget::baseline, SimdTarget::avx2,
                                         SimdTarget::avx512),
                         [](const auto& test) {
                           return test.param == SimdTarget::baseline ? "baseline"
                                  : test.param == SimdTarget::avx2   ? "avx2"
                                                                     : "avx512";
                         });

// The plain path moves parameters in place; predict() reads a machine as --set leaves it.
TEST(Evaluate, IsWhatPredictSays) {
  Grid g;
  g.machines = {cards::find_machine("h100-8")};
  g.models = {cards::find_model("llama-3.1-70b"), cards::find_model("deepseek-v3")};
  g.tp = {1, 8};
  g.machine_axes = {{"memory.bandwidth", {3e12, 8e12}}, {"sync.tp", {2e-6}}};
  g.batches = {1, 50};
  Evaluator e(g);
  auto f = std::make_unique<Figures>();
  const std::uint64_t points = g.points().value();
  ASSERT_EQ(points, 16u);
  e.evaluate(0, points, *f);
  std::size_t i = 0;
  for (const auto& t : g.models) {
    for (int tp : g.tp) {
      for (const char* bandwidth : {"memory.bandwidth=3TB/s", "memory.bandwidth=8TB/s"}) {
        for (double batch : g.batches) {
          Machine m = g.machines[0];
          cards::set_parameter(m, bandwidth);
          cards::set_parameter(m, "sync.tp=2us");
          const auto p = predict(m, {&t, {batch, 4096, Format::bf16, Format::bf16}, {.tp = tp}});
          EXPECT_EQ(f->utps[i], p.utps);
          EXPECT_EQ(f->stps_ideal[i], p.stps_ideal);
          EXPECT_EQ(f->held[i], p.held.in(bytes));
          EXPECT_EQ(f->fits[i], p.fits);
          EXPECT_EQ(f->binding[i], p.limits.binding);
          EXPECT_EQ(f->factor[i], p.limits.factor);
          ++i;
        }
      }
    }
  }
}

TEST(Grid, CountsToTheLimitAndNoFurther) {
  Grid g;
  g.machines.resize(1);
  g.models.resize(1);
  g.draws = std::uint64_t{1} << 62;
  EXPECT_EQ(g.points(), std::uint64_t{1} << 62);
  g.batches = {1, 2};
  EXPECT_EQ(g.points(), std::nullopt);
  g.draws = (std::uint64_t{1} << 62) - 1;
  EXPECT_EQ(g.points(), (std::uint64_t{1} << 63) - 2);
  g.tp = {1, 2};
  EXPECT_EQ(g.points(), std::nullopt);
}

// Known answers of Philox 4x32-10, from the authors' Random123.
TEST(Draws, PhiloxIsPhilox) {
  using Words = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t all = 0xffffffff;
  EXPECT_EQ(philox({all, all, all, all}, {all, all}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(Draws, HaveTheMedianAndTheInterval) {
  constexpr int n = 40000;
  double sum = 0, squares = 0, cubes = 0;
  int below = 0, under = 0, above = 0, under_zero = 0;
  for (int i = 0; i < n; ++i) {
    const double z = normal(5, std::uint64_t(i), 17);
    sum += z;
    squares += z * z;
    cubes += z * z * z;
    const double x = drawn(8, 10, 15, z), y = drawn(0, 1, 2, z);
    below += x < 8;
    under += x < 10;
    above += x > 15;
    under_zero += y == 0;
    EXPECT_GE(y, 0);
  }
  EXPECT_NEAR(sum / n, 0, 0.02);
  EXPECT_NEAR(squares / n, 1, 0.03);
  EXPECT_NEAR(cubes / n, 0, 0.08);
  EXPECT_NEAR(double(below) / n, 0.05, 0.005);
  EXPECT_NEAR(double(under) / n, 0.5, 0.01);
  EXPECT_NEAR(double(above) / n, 0.05, 0.005);
  EXPECT_NEAR(double(under_zero) / n, 0.05, 0.005);
}

TEST(Draws, SharesStayBelowOneAndExponentsDoNot) {
  Machine m;
  m.attention.efficiency = about(Quantity<Scalar>(0.95), 0.05);
  m.attention.overlap = about(Quantity<Scalar>(2.5), 0.2);
  const Draws draws(m, 1);
  for (std::uint64_t i = 0; i < 100; ++i) {
    draws.apply(i);
    EXPECT_LE(double(m.attention.efficiency->value), 1);
    EXPECT_GT(double(m.attention.overlap->value), 1);
  }
}

TEST(Draws, AreAboutWhatAnAxisLeavesOfAParameter) {
  Grid g;
  g.machines = {cards::find_machine("h100-8")};
  g.models = {cards::find_model("llama-3.1-8b")};
  g.weights = {Format::bf16};
  g.kv = {Format::bf16};
  g.tp = {8};
  g.batches = {512};
  g.contexts = {1000};
  g.draws = 3;
  auto rates_at = [&](std::vector<double> bandwidths) {
    g.machine_axes = {{"sync.tp_bandwidth", std::move(bandwidths)}};
    const auto n = g.points().value();
    auto out = std::make_unique<Figures>();
    Evaluator(g).evaluate(0, n, *out);
    return std::vector<double>(out->utps, out->utps + n);
  };
  const auto both = rates_at({450e9, 45e9}), slow = rates_at({45e9});
  for (std::size_t i = 0; i < 3; ++i) EXPECT_DOUBLE_EQ(both[3 + i], slow[i]);
}

TEST(Draws, DependOnSeedNumberAndKeyAlone) {
  Random r(11);
  Machine a = random_machine(r), b = a;
  b.memory_capacity.reset();  // one parameter less does not move the others
  a.memory_efficiency = b.memory_efficiency =
      Parameter<Quantity<Scalar>>{0.95, 0.9, 0.999, Evidence::fitted, "test"};
  const Draws of_a(a, 42), of_b(b, 42);
  EXPECT_GT(of_a.parameters(), 3u);
  const BytesPerSecond before = a.memory_bandwidth->value;
  of_b.apply(1000);
  for (std::uint64_t draw : {5u, 1000u}) of_a.apply(draw);
  EXPECT_FALSE(a.memory_bandwidth->value == before);
  EXPECT_EQ(a.memory_bandwidth->value, b.memory_bandwidth->value);
  double largest = 0;
  for (std::uint64_t draw = 0; draw < 2000; ++draw) {
    of_a.apply(draw);
    largest = std::fmax(largest, double(a.memory_efficiency->value));
  }
  EXPECT_EQ(largest, 1);  // cut there, and it happens
}

}  // namespace
}  // namespace limen::model
