// Which ranks of a job measure together, so that each level of the hierarchy shows by itself: ranks
// of one socket, of one node, one a node, and all, each in powers of two (of four also three).
#pragma once

#include <vector>

namespace limen::probes {

// Where a rank runs.
struct RankPlace {
  int node = 0;    // the lowest rank on it
  int socket = 0;  // any number that differs between the sockets of a node
};

struct RankSubset {
  std::vector<int> ranks;  // of the world, ascending; rank 0, which writes the results, is in all
  int nodes = 1;
  int sockets = 1;  // that the ranks use of one node, at most
};

// `places` has an entry a rank. No set of less than two ranks, and none twice.
std::vector<RankSubset> rank_subsets(const std::vector<RankPlace>& places);

int count_nodes(const std::vector<RankPlace>& places);

// All of them.
RankSubset whole_world(const std::vector<RankPlace>& places);

}  // namespace limen::probes
