// Which host makes exchanges between nodes slow. One slow exchange accuses all that took part in
// it; a host that was in a good one is cleared; the one that is left in all slow ones is named.
#pragma once

#include <string>
#include <vector>

#include "results/fleet/fleet.hpp"

namespace limen::results::fleet {

struct SlowLink {
  std::vector<std::string> hosts;  // one; or two, each cleared: what is between them; or all of
                                   // which the runs do not say more
  bool between = false;            // the two are a pair
  std::size_t slow = 0;            // slow exchanges that it explains
  std::size_t others = 0;          // exchanges that are not slow
  double ratio = 1;                // time of the slow ones over the median of their figures
};

// Needs as many runs as judge() needs nodes, over the same number of nodes, with hosts that differ.
// The worst first.
std::vector<SlowLink> find_slow_links(const Group& group);

// "n7: slow in 3 exchanges that it took part in (1.92 times the median), 12 without it are not"
std::string describe(const SlowLink& link);

}  // namespace limen::results::fleet
