// Which ranks measure together, on made-up jobs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "probes/mpi_cases.hpp"
#include "probes/mpi_subsets.hpp"

namespace limen::probes {
namespace {

using testing::Contains;
using testing::ElementsAre;

// Nodes of two sockets; ranks in order of socket, or dealt to the nodes one after the other.
std::vector<RankPlace> cluster(int nodes, int ranks_a_socket, bool cyclic = false) {
  std::vector<RankPlace> places;
  const int each = 2 * ranks_a_socket;
  for (int r = 0; r < nodes * each; ++r) {
    const int node = cyclic ? r % nodes : r / each, within = cyclic ? r / nodes : r % each;
    places.push_back({cyclic ? node : node * each, within / ranks_a_socket});
  }
  return places;
}

std::vector<std::vector<int>> sets(const std::vector<RankSubset>& subsets) {
  std::vector<std::vector<int>> result;
  for (const RankSubset& s : subsets) result.push_back(s.ranks);
  return result;
}

TEST(MpiSubsets, EveryLevelInPowersOfTwo) {
  const auto found = rank_subsets(cluster(3, 4));
  EXPECT_THAT(sets(found), ElementsAre(ElementsAre(0, 1), ElementsAre(0, 1, 2),     // a socket
                                       ElementsAre(0, 1, 2, 3),                     //
                                       ElementsAre(0, 4), ElementsAre(0, 1, 4, 5),  // a node
                                       ElementsAre(0, 1, 2, 3, 4, 5, 6, 7),         //
                                       ElementsAre(0, 8), ElementsAre(0, 8, 16),    // one a node
                                       testing::SizeIs(16), testing::SizeIs(24)));  // all
  EXPECT_EQ(found[0].sockets, 1);
  EXPECT_EQ(found[3].sockets, 2);
  EXPECT_EQ(found[7].nodes, 3);
  EXPECT_EQ(found[7].sockets, 1);
  EXPECT_EQ(found[9].nodes, 3);
  EXPECT_EQ(found[9].sockets, 2);
}

TEST(MpiSubsets, FourNodesAreThreeNumbersOfNodes) {
  EXPECT_THAT(sets(rank_subsets({{0, 0}, {1, 0}, {2, 0}, {3, 0}})),
              ElementsAre(ElementsAre(0, 1), ElementsAre(0, 1, 2), ElementsAre(0, 1, 2, 3)));
}

TEST(MpiSubsets, RanksDealtToNodesInTurnAreFoundAllTheSame) {
  const auto found = rank_subsets(cluster(2, 2, true));
  EXPECT_THAT(sets(found), Contains(ElementsAre(0, 2)));        // one socket
  EXPECT_THAT(sets(found), Contains(ElementsAre(0, 2, 4, 6)));  // one node
  EXPECT_THAT(sets(found), Contains(ElementsAre(0, 1)));        // one a node
}

TEST(MpiSubsets, NothingTwiceAndNothingOfOneRank) {
  EXPECT_THAT(sets(rank_subsets({{0, 0}, {0, 0}})), ElementsAre(ElementsAre(0, 1)));
  EXPECT_THAT(sets(rank_subsets({{0, 0}, {1, 0}, {2, 0}})),
              ElementsAre(ElementsAre(0, 1), ElementsAre(0, 1, 2)));
  EXPECT_TRUE(rank_subsets({{0, 0}}).empty());
  const auto all = sets(rank_subsets(cluster(4, 8)));
  EXPECT_EQ(std::set<std::vector<int>>(all.begin(), all.end()).size(), all.size());
  for (const auto& ranks : all) EXPECT_EQ(ranks.front(), 0);
}

TEST(MpiSubsets, OfThousandsOfRanksThereAreFew) {
  EXPECT_LT(rank_subsets(cluster(1024, 32)).size(), 40u);
}

TEST(MpiCases, SayHowManyNodesAndSocketsTheyTake) {
  const auto found = rank_subsets(cluster(2, 2));
  EXPECT_EQ((MpiCase{"mpi.allreduce", found.back(), 8}.parameters()),
            (results::Parameters{{"ranks", std::int64_t{8}},
                                 {"bytes", std::int64_t{8}},
                                 {"nodes", std::int64_t{2}},
                                 {"sockets", std::int64_t{2}}}));
}

TEST(MpiCases, VectorsDivideAmongTheRanks) {
  for (int ranks : {2, 3, 7, 1000}) {
    const std::vector<RankPlace> places(static_cast<std::size_t>(ranks));
    std::set<std::pair<std::string, std::int64_t>> known;
    for (const MpiCase& c : mpi_cases({whole_world(places)})) {
      EXPECT_TRUE(known.insert({c.probe, c.bytes}).second) << c.probe << ' ' << c.bytes;
      if (c.probe == "mpi.allgather" || c.probe == "mpi.alltoall") {
        EXPECT_EQ(c.bytes % (4 * ranks), 0);
        EXPECT_GT(c.bytes, 0);
      }
      EXPECT_FALSE(ranks > 2 && (c.probe == "mpi.pingpong" || c.probe == "mpi.exchange"));
    }
  }
}

}  // namespace
}  // namespace limen::probes
