// A cluster that is made up: from measurements at its levels to the parameters of a machine.
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "calibration/calibrate.hpp"
#include "model/resolve.hpp"
#include "tests/calibration/made_machine.hpp"

namespace limen::tests {
namespace {

using calibration::calibrate;
using model::Exchange;
using testing::Contains;
using testing::HasSubstr;

// Recursive doubling for small messages, ring for large ones, with a step of `a` and a byte of `b`.
double all_reduce(double p, double n, double a, double b) {
  return n <= 32768 ? std::log2(p) * (a + n * b) : 2 * (p - 1) * a + 2 * (p - 1) / p * n * b;
}

class Cluster : public MadeRun {
 public:
  explicit Cluster(int cores) : MadeRun({.drift = 0.01, .scatter = 0.01}) {
    run.provenance.processing_units.resize(static_cast<std::size_t>(cores));
    std::iota(run.provenance.processing_units.begin(), run.provenance.processing_units.end(), 0);
    add_memory({});
  }
  // Sets of ranks of one level: in a node, or one a node.
  void add_level(const std::vector<int>& counts, bool between_nodes, double a, double b) {
    for (double n = 8; n < 9e6; n *= 4) {
      for (int p : counts) add_case("mpi.allreduce", p, n, between_nodes, all_reduce(p, n, a, b));
      add_case("mpi.pingpong", 2, n, between_nodes, a + n * b);
    }
  }
  void add_case(const char* probe, int ranks, double bytes, bool between_nodes, double seconds) {
    results::Parameters parameters{{"ranks", std::int64_t{ranks}}, {"bytes", std::int64_t(bytes)}};
    if (between_nodes) parameters["nodes"] = std::int64_t{ranks};
    add(probe, parameters, seconds, bytes);
  }
};

TEST(NetworkLevels, ANodeBeyondTheRanksThatWereMeasured) {
  Cluster made(16);
  made.add_level({2, 4, 8}, false, 1e-6, 0.2e-9);
  const auto c = calibrate({made.run}, "x");
  EXPECT_THAT(c.notes,
              Contains(testing::ContainsRegex(
                  "sync.all_reduce, ranks of a socket: recursive doubling \\([^)]*\\) up to "
                  "32768 bytes, then ring \\([^)]*\\) \\(measured with 2, 4, 8")));
  EXPECT_THAT(c.notes, Contains(HasSubstr("8 ranks foretold from fewer: 8 B ")));
  EXPECT_EQ(c.machine.devices, 1);
  EXPECT_FALSE(c.machine.sync_net);
  const model::CollectivePiece* beyond = nullptr;
  for (const auto& piece : c.machine.all_reduce)
    if (piece.ranks == 16 && !beyond) beyond = &piece;
  ASSERT_NE(beyond, nullptr);
  EXPECT_NEAR(beyond->alpha.value.in(model::microseconds), 4, 0.3);
  EXPECT_LT(beyond->alpha.low, beyond->alpha.value);
  EXPECT_GT(beyond->alpha.high, beyond->alpha.value);
  EXPECT_THAT(beyond->alpha.source, HasSubstr("extrapolated from 8 ranks"));
  for (double n : {8.0, 4096.0, 8388608.0}) {
    const auto law =
        model::fitted_law(c.machine.all_reduce, Exchange::all_reduce, 16, model::bytes(n));
    EXPECT_NEAR((law.alpha + law.beta * model::bytes(n)).in(model::seconds) /
                    all_reduce(16, n, 1e-6, 0.2e-9),
                1, 0.15)
        << n;
  }
}

TEST(NetworkLevels, OneRankANodeMakesTheNetwork) {
  Cluster made(4);
  made.add_level({2, 4}, false, 1e-6, 0.2e-9);
  made.add_level({2, 4, 8, 16}, true, 5e-6, 0.5e-9);
  const auto c = calibrate({made.run}, "x");
  EXPECT_EQ(c.machine.devices, 16);
  EXPECT_EQ(c.machine.devices_per_node, 1);
  ASSERT_TRUE(c.machine.sync_net && c.machine.sync_net_bandwidth);
  EXPECT_NEAR(c.machine.sync_net->value.in(model::microseconds), 5, 0.5);
  EXPECT_NEAR(c.machine.sync_net_bandwidth->value.in(model::gigabytes_per_second), 2, 0.2);
  EXPECT_LT(c.machine.sync_net->low, c.machine.sync_net->value * 0.95);
  // The laws of the node are of its own ranks.
  EXPECT_NEAR(c.machine.sync_pp->value.in(model::microseconds), 1, 0.1);
  for (const auto& piece : c.machine.all_reduce) EXPECT_LE(piece.ranks, 4);
}

TEST(NetworkLevels, TwoNodesAreAHop) {
  Cluster made(2);
  made.add_level({2}, false, 1e-6, 0.2e-9);
  made.add_level({2}, true, 5e-6, 0.5e-9);
  const auto c = calibrate({made.run}, "x");
  EXPECT_EQ(c.machine.devices, 2);
  ASSERT_TRUE(c.machine.sync_net && c.machine.sync_net_bandwidth);
  EXPECT_NEAR(c.machine.sync_net->value.in(model::microseconds), 5, 0.3);
  EXPECT_NEAR(c.machine.sync_net_bandwidth->value.in(model::gigabytes_per_second), 2, 0.1);
}

TEST(NetworkLevels, WholeNodesAreHeldAgainstTheirParts) {
  Cluster made(4);
  made.add_level({2, 4}, false, 1e-6, 0.2e-9);
  made.add_level({2, 4, 8}, true, 5e-6, 0.5e-9);
  made.add("mpi.allreduce",
           {{"ranks", std::int64_t{16}}, {"nodes", std::int64_t{4}}, {"bytes", std::int64_t{8}}},
           2 * 1e-6 + 2 * 5e-6, 8);
  const auto c = calibrate({made.run}, "x");
  const auto law = std::find_if(c.laws.begin(), c.laws.end(), [](const auto& l) {
    return l.law == "sync.all_reduce of whole nodes, composed";
  });
  ASSERT_NE(law, c.laws.end());
  EXPECT_LT(law->largest_error, 0.2);
}

TEST(NetworkLevels, OtherCollectivesHaveLawsOfTheirOwn) {
  Cluster made(4);
  made.add_level({2, 4}, false, 1e-6, 0.2e-9);
  for (double n = 64; n < 9e6; n *= 4)
    for (int p : {2, 4}) {
      made.add_case("mpi.allgather", p, n, false, (p - 1) * 1e-6 + (p - 1.0) / p * n * 0.2e-9);
      made.add_case("mpi.alltoall", p, n, false, (p - 1) * 2e-6 + (p - 1.0) / p * n * 0.4e-9);
    }
  const auto c = calibrate({made.run}, "x");
  ASSERT_FALSE(c.machine.all_gather.empty() || c.machine.all_to_all.empty());
  EXPECT_TRUE(c.machine.reduce_scatter.empty());
  const auto law = model::collective_law(c.machine, Exchange::all_to_all, 4, model::bytes(64.0));
  EXPECT_NEAR(law.alpha.in(model::microseconds), 6, 0.5);
}

// The barrier method counts something else, and must not move a law.
TEST(NetworkLevels, SamplesBetweenBarriersAreLeftAlone) {
  Cluster made(2);
  made.add_level({2}, false, 1e-6, 0.2e-9);
  const auto before = calibrate({made.run}, "x");
  for (double n = 8; n < 9e6; n *= 4)
    made.add("mpi.allreduce",
             {{"ranks", std::int64_t{2}},
              {"bytes", std::int64_t(n)},
              {"timing", std::string("barriers")}},
             1e-3, n);
  const auto after = calibrate({made.run}, "x");
  EXPECT_EQ(before.machine.all_reduce.at(0).alpha.value,
            after.machine.all_reduce.at(0).alpha.value);
}

}  // namespace
}  // namespace limen::tests
