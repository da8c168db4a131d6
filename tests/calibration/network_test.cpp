// Laws of collectives over ranks, on networks that are made up, so that the algorithm is known.
#include <cmath>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "calibration/network.hpp"

namespace limen::calibration {
namespace {

using model::Exchange;
using testing::HasSubstr;
using Points = std::vector<NetworkPoint>;

struct Made {
  double a = 2e-6, b = 0.3e-9;  // of a step
  double hop_a = 1.9e-6, hop_b = 0.28e-9;
  double noise = 0.03;     // of a point
  double walk = 0.0;       // of each doubling, on top of those before
  double per_count = 0.0;  // common to all points of a number of ranks
  unsigned seed = 1;
};

const Algorithm& named(Exchange kind, const std::string& name) {
  static std::vector<Algorithm> all;
  all = algorithms(kind);
  for (const Algorithm& a : all)
    if (a.name == name) return a;
  throw std::runtime_error(name);
}

// Sizes 8 B to 8 MiB in powers of 8. `at(ranks, bytes)` says which algorithm is used.
template <class At>
Points points(const Made& made, const std::vector<double>& counts, const At& at) {
  std::mt19937_64 random(made.seed);
  std::normal_distribution<double> normal;
  Points result;
  double drift = 0;
  for (double p : counts) {
    drift += made.walk * normal(random);
    const double common = std::exp(drift + made.per_count * normal(random));
    for (double n = 8; n <= 8 << 20; n *= 8) {
      const Algorithm algorithm = at(p, n);
      const double t = algorithm.steps(p) * made.a + algorithm.crossings(p) * n * made.b;
      result.push_back({p, n, t * common * std::exp(made.noise * normal(random))});
    }
  }
  return result;
}

Points hops(const Made& made) {
  std::mt19937_64 random(made.seed + 1000);
  std::normal_distribution<double> normal;
  Points result;
  for (double n = 8; n <= 16 << 20; n *= 2)
    result.push_back({2, n, (made.hop_a + made.hop_b * n) * std::exp(0.02 * normal(random))});
  return result;
}

TEST(NetworkLaw, EveryAlgorithmIsRecovered) {
  for (const Exchange kind : {Exchange::all_reduce, Exchange::all_gather, Exchange::reduce_scatter,
                              Exchange::all_to_all}) {
    for (const Algorithm& truth : algorithms(kind)) {
      for (unsigned seed = 1; seed <= 5; ++seed) {
        Made made;
        made.seed = seed;
        const auto law = NetworkLaw::fit(
            kind, points(made, {2, 4, 8, 16}, [&](double, double) { return truth; }), hops(made));
        ASSERT_TRUE(law);
        ASSERT_EQ(law->pieces().size(), 1u) << truth.name << ": " << law->in_words();
        const NetworkFit& best = law->pieces()[0].fits[0];
        EXPECT_STREQ(best.algorithm.name, truth.name) << model::name(kind);
        EXPECT_GT(best.weight, 0.9);
        EXPECT_NEAR(best.a / made.a, 1, 0.1) << truth.name;
        EXPECT_NEAR(best.b / made.b, 1, 0.1) << truth.name;
      }
    }
  }
}

TEST(NetworkLaw, ASwitchOfAlgorithmsIsFoundWhereItIs) {
  Made made;
  const Algorithm small = named(Exchange::all_reduce, "recursive doubling"),
                  large = named(Exchange::all_reduce, "ring");
  const auto law = NetworkLaw::fit(
      Exchange::all_reduce,
      points(made, {2, 4, 8, 16, 32}, [&](double, double n) { return n <= 32768 ? small : large; }),
      hops(made));
  ASSERT_TRUE(law);
  EXPECT_THAT(
      law->in_words(),
      testing::MatchesRegex("recursive doubling \\([^)]* a step, [^)]*/B\\) up to 32768 bytes, "
                            "then ring \\([^)]* a step, [^)]*/B\\)"));
}

// Recursive doubling is a tree whose steps cost half as much.
TEST(NetworkLaw, WithoutAHopTheCostOfAStepTellsNothing) {
  Made made;
  const Algorithm truth = named(Exchange::all_reduce, "tree");
  const auto law = NetworkLaw::fit(
      Exchange::all_reduce, points(made, {2, 4, 8, 16}, [&](double, double) { return truth; }), {});
  ASSERT_TRUE(law);
  EXPECT_THAT(law->in_words(), HasSubstr("tree"));
  EXPECT_THAT(law->in_words(), HasSubstr(" or "));
  EXPECT_THAT(law->in_words(), HasSubstr("recursive doubling"));
  EXPECT_NEAR(law->at(16, 8).seconds / (8 * made.a), 1, 0.05);  // what both say is known
}

TEST(NetworkLaw, IntervalsGrowWithTheDistanceFromWhatWasMeasured) {
  Made made;
  made.per_count = 0.03;
  const Algorithm truth = named(Exchange::all_reduce, "ring");
  const auto law = NetworkLaw::fit(
      Exchange::all_reduce, points(made, {2, 4, 8, 16}, [&](double, double) { return truth; }),
      hops(made));
  ASSERT_TRUE(law);
  for (double n : {8.0, 4096.0, 1048576.0}) {
    double last = 0;
    for (double p = 16; p <= 4096; p *= 2) {
      const NetworkEstimate e = law->at(p, n);
      EXPECT_LT(e.low, e.seconds);
      EXPECT_GT(e.high, e.seconds);
      const double width = std::log(e.high / e.low);
      EXPECT_GT(width, last) << p;
      last = width;
    }
  }
}

// 90 % intervals up to 8 times the ranks measured, on networks in which each number of ranks has an
// error of its own, or each doubling adds one.
TEST(NetworkLaw, IntervalsHoldTheTruth) {
  const std::vector<double> counts{2, 4, 8, 16, 32, 64, 128, 256};
  for (const char* name : {"recursive doubling", "ring", "tree", "Rabenseifner"}) {
    const Algorithm truth = named(Exchange::all_reduce, name);
    for (const bool walks : {false, true}) {
      int inside = 0, all = 0;
      double half = 0;
      for (unsigned seed = 1; seed <= 60; ++seed) {
        std::mt19937_64 random(seed + 7);
        std::normal_distribution<double> normal;
        Made made;
        made.seed = seed;
        (walks ? made.walk : made.per_count) = 0.05;
        made.hop_a = made.a * std::exp(0.15 * normal(random));  // a step is not quite a hop
        made.hop_b = made.b * std::exp(0.25 * normal(random));
        const Points every = points(made, counts, [&](double, double) { return truth; });
        Points measured;
        for (const NetworkPoint& q : every)
          if (q.ranks <= 32) measured.push_back(q);
        const auto law = NetworkLaw::fit(Exchange::all_reduce, measured, hops(made));
        ASSERT_TRUE(law);
        for (const NetworkPoint& q : every) {
          if (q.ranks <= 32) continue;
          const NetworkEstimate e = law->at(q.ranks, q.bytes);
          inside += e.low <= q.seconds && q.seconds <= e.high;
          ++all;
          half += std::log(e.high / e.low) / 2;
        }
      }
      EXPECT_GE(inside, 0.86 * all) << name << (walks ? " that walks" : "");
      EXPECT_LT(half / all, 0.5) << name;  // and they say something
    }
  }
}

TEST(NetworkLaw, TheLargestNumberOfRanksIsPredictedByTheOthers) {
  Made made;
  const Algorithm truth = named(Exchange::all_reduce, "Rabenseifner");
  const auto law = NetworkLaw::fit(
      Exchange::all_reduce, points(made, {2, 4, 8, 16, 32}, [&](double, double) { return truth; }),
      hops(made));
  ASSERT_TRUE(law);
  ASSERT_EQ(law->left_out().size(), 7u);
  for (const LeftOut& l : law->left_out()) {
    EXPECT_EQ(l.ranks, 32);
    EXPECT_LT(std::abs(l.error()), 0.15);
  }
  EXPECT_LT(law->left_out_error(), 0.1);
}

TEST(NetworkLaw, TooLittleIsNoLaw) {
  const Algorithm truth = named(Exchange::all_reduce, "ring");
  const auto always = [&](double, double) { return truth; };
  EXPECT_FALSE(NetworkLaw::fit(Exchange::all_reduce, points({}, {4}, always), hops({})));
  EXPECT_FALSE(NetworkLaw::fit(Exchange::all_reduce, {}, {}));
  EXPECT_FALSE(NetworkLaw::fit(Exchange::hop, points({}, {2, 4}, always), hops({})));
  EXPECT_FALSE(NetworkLaw::fit(Exchange::all_reduce, {{2, 8, NAN}, {4, 8, 1e-6}, {4, 64, -1}}, {}));
}

}  // namespace
}  // namespace limen::calibration
