// Fleets with planted faults, and without: what is found, what it is called, and that nothing is
// invented.
#include "results/fleet/outliers.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/results/fleet/made_fleet.hpp"

namespace limen::results::fleet {
namespace {

using testing::HasSubstr;
using tests::Fault;
using tests::made_run;
using tests::MadeNode;

// Nodes r1n1, r1n2, ...; `change` alters those that it likes to.
template <class F>
Fleet made(int nodes, std::uint64_t seed, F&& change) {
  FleetBuilder builder;
  for (int i = 1; i <= nodes; ++i) {
    MadeNode node;
    node.host = fmt::format("r{}n{}", (i - 1) / 16 + 1, (i - 1) % 16 + 1);
    node.seed = seed;
    change(i, node);
    builder.add(node_result(made_run(node)));
  }
  return builder.build();
}

struct Planted {
  Fault fault;
  double size;
  Suspect suspect;
  const char* evidence;
};
const Planted planted[] = {
    {Fault::channel, 7.0 / 8, Suspect::memory_channel,
     "one of 8 channels; 672 GB installed, the others 768 GB"},
    {Fault::channel, 3.0 / 4, Suspect::memory_channel, "3/4, one of 4 channels"},
    {Fault::channel, 1.0 / 2, Suspect::memory_channel, "1/2, one of 2 channels"},
    {Fault::channel, 0.40, Suspect::memory_slow, "compute as theirs"},
    {Fault::numa, 0.6, Suspect::numa, "latency 1."},
    {Fault::clock, 0.8, Suspect::clock, "first cache 0."},
    {Fault::clock_mark, 0.85, Suspect::clock, "50 % of samples with changed clocks"},
    {Fault::link, 0.5, Suspect::link, "memory and compute are as theirs"},
    {Fault::node, 0.8, Suspect::node_slow, "compute 0."},
    {Fault::fast, 0.8, Suspect::faster, "more"},
};

TEST(Outliers, PlantedFaultsAreFoundAndNamed) {
  for (const Planted& p : planted) {
    for (const int nodes : {16, 100}) {
      for (const std::uint64_t seed : {1u, 2u, 3u}) {
        const Fleet fleet = made(nodes, seed, [&](int i, MadeNode& node) {
          node.among_nodes = nodes < 50 ? 0.004 : 0.008;
          node.among_samples = 0.004;
          if (i == 7) node.fault = p.fault, node.size = p.size;
        });
        ASSERT_EQ(fleet.groups.size(), 1u);
        const Judgement j = judge(fleet.groups[0]);
        ASSERT_EQ(j.outliers.size(), 1u)
            << name_of(p.suspect).name << " " << p.size << " " << nodes;
        const Outlier& o = j.outliers[0];
        EXPECT_EQ(fleet.groups[0].nodes[o.node].host, "r1n7");
        EXPECT_STREQ(name_of(o.suspect).name, name_of(p.suspect).name) << o.evidence;
        if (nodes == 100) {
          EXPECT_THAT(o.evidence, HasSubstr(p.evidence)) << seed;
        }
      }
    }
  }
}

// Several at once, of several kinds, among many.
TEST(Outliers, ManyFaultsAtOnce) {
  const Fleet fleet = made(1000, 11, [](int i, MadeNode& node) {
    if (i % 50 != 0) return;
    const Planted& p = planted[static_cast<std::size_t>(i / 50) % std::size(planted)];
    node.fault = p.fault, node.size = p.size;
  });
  const Judgement j = judge(fleet.groups.at(0));
  ASSERT_EQ(j.outliers.size(), 20u);
  for (const Outlier& o : j.outliers) {
    const std::size_t i = o.node + 1;
    ASSERT_EQ(i % 50, 0u);
    EXPECT_EQ(o.suspect, planted[i / 50 % std::size(planted)].suspect) << o.evidence;
  }
}

// 0.05 false alarms are to be expected in a fleet. Of 200 fleets of 12 nodes and 60 of 200 that
// makes 13, and three times their standard deviation above is 24. (The effect that an outlier must
// have keeps it lower yet where scatter is small.)
TEST(Outliers, CleanFleetsRaiseNoMoreAlarmsThanStated) {
  std::size_t alarms = 0, outliers = 0;
  for (std::uint64_t seed = 1; seed <= 260; ++seed) {
    const Fleet fleet = made(seed <= 200 ? 12 : 200, 1000 + seed, [](int, MadeNode& node) {
      node.among_nodes = 0.03;  // far more than `least_effect` hides
      node.visits = 1, node.samples = 3;
    });
    const Judgement j = judge(fleet.groups.at(0));
    outliers += j.outliers.size();
    for (const Outlier& o : j.outliers) alarms += o.alarms.size();
  }
  EXPECT_LE(alarms, 24u);
  EXPECT_LE(outliers, 24u);
  RecordProperty("outliers", static_cast<int>(outliers));
}

// Heavy tails of samples, as a busy machine makes, do not make nodes stand out.
TEST(Outliers, DisturbedSamplesAreNoFault) {
  const Fleet fleet = made(300, 5, [](int, MadeNode& node) { node.among_samples = 0.2; });
  EXPECT_TRUE(judge(fleet.groups.at(0)).outliers.empty());
}

TEST(Outliers, TwoStatesOfAFleetAreNoFaultsOfNodes) {
  const Fleet fleet = made(100, 5, [](int i, MadeNode& node) {
    if (i % 3 == 0) node.fault = Fault::link, node.size = 0.5;
    if (i == 50) node.fault = Fault::link, node.size = 0.2;
  });
  const Judgement j = judge(fleet.groups.at(0));
  ASSERT_EQ(j.outliers.size(), 1u);
  EXPECT_EQ(fleet.groups[0].nodes[j.outliers[0].node].host, "r4n2");
  for (std::size_t f = 0; f < j.spread.size(); ++f)
    EXPECT_EQ(j.spread[f].modes.empty(), fleet.groups[0].figures[f].part != Part::link);
}

TEST(Outliers, MixedHardwareIsNeverPooled) {
  const Fleet fleet = made(60, 9, [](int i, MadeNode& node) {
    if (i > 40) node.cpu = "Intel Xeon", node.speed = 0.5;
    if (i > 55) node.gpu = "NVIDIA H100";
    if (i == 3) node.fault = Fault::channel;
  });
  ASSERT_EQ(fleet.groups.size(), 3u);
  EXPECT_EQ(fleet.groups[0].nodes.size(), 40u);
  EXPECT_EQ(fleet.groups[1].name(), "Intel Xeon");
  EXPECT_EQ(fleet.groups[2].name(), "Intel Xeon, NVIDIA H100");
  EXPECT_EQ(judge(fleet.groups[0]).outliers.size(), 1u);
  EXPECT_TRUE(judge(fleet.groups[1]).outliers.empty());
  EXPECT_TRUE(judge(fleet.groups[2]).outliers.empty());
}

TEST(Outliers, TooFewNodesJudgeNobody) {
  const Fleet fleet = made(4, 1, [](int i, MadeNode& node) {
    if (i == 2) node.fault = Fault::channel, node.size = 0.5;
  });
  const Judgement j = judge(fleet.groups.at(0));
  EXPECT_TRUE(j.outliers.empty());
  EXPECT_EQ(j.judged, 0u);
  EXPECT_EQ(j.spread.size(), fleet.groups[0].figures.size());
}

TEST(Outliers, FactsThatDifferAreEvidence) {
  FleetBuilder builder;
  for (int i = 1; i <= 40; ++i) {
    MadeNode node;
    node.host = fmt::format("n{}", i);
    if (i == 9) node.fault = Fault::clock, node.size = 0.7;
    results::Run run = made_run(node);
    if (i == 9) run.provenance.governor = "powersave";
    builder.add(node_result(run));
  }
  const Judgement j = judge(builder.build().groups.at(0));
  ASSERT_EQ(j.outliers.size(), 1u);
  EXPECT_THAT(j.outliers[0].evidence, HasSubstr("governor powersave, the others performance"));
}

TEST(Fleet, RunsOfOneHostAreOneNode) {
  FleetBuilder builder;
  for (const char* day : {"2026-11-03T00:00:00Z", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"}) {
    MadeNode node;
    node.started = day;
    node.speed = day[9] == '2' ? 0.1 : 1;  // the median of three does not see it
    node.among_nodes = node.among_samples = 0;
    builder.add(node_result(made_run(node)));
  }
  const Fleet fleet = builder.build();
  ASSERT_EQ(fleet.nodes(), 1u);
  const Group& group = fleet.groups[0];
  EXPECT_EQ(group.nodes[0].started, "2026-11-03T00:00:00Z");
  EXPECT_EQ(group.nodes[0].runs.size(), 3u);
  MadeNode alone;
  alone.among_nodes = alone.among_samples = 0;
  for (const auto& [figure, value] : node_result(made_run(alone)).figures) {
    const auto at = std::find(group.figures.begin(), group.figures.end(), figure);
    ASSERT_NE(at, group.figures.end());
    EXPECT_NEAR(group.values[static_cast<std::size_t>(at - group.figures.begin())][0], value,
                1e-9 * value);
  }
}

TEST(Fleet, NodesThatLackFiguresAreNamed) {
  FleetBuilder builder;
  for (int i = 1; i <= 20; ++i) {
    MadeNode node;
    node.host = fmt::format("n{}", i);
    results::Run run = made_run(node);
    if (i == 4) run.measurements.erase(run.measurements.begin());
    if (i == 5) run.measurements[1].outcome = Invalid{"wrong checksum"};
    builder.add(node_result(run));
  }
  const Group group = std::move(builder.build().groups.at(0));
  EXPECT_THAT(judge(group).incomplete, testing::ElementsAre(3u, 4u));
  EXPECT_THAT(group.nodes[4].invalid.at(0), HasSubstr("wrong checksum"));
}

}  // namespace
}  // namespace limen::results::fleet
