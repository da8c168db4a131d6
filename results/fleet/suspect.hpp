// From the pattern of a node's figures to a physical cause.
#pragma once

#include <map>

#include "results/fleet/outliers.hpp"

namespace limen::results::fleet {

// How one part of a node compares with the others: log of its goodness (0: as they are, negative:
// worse), the median over the figures of the part, and the scatter of such figures among nodes.
struct PartState {
  double log_ratio = 0, scatter = 0;

  bool worse() const;
  double ratio() const;
};
using Parts = std::map<Part, PartState>;  // those that were measured

// What nearly all nodes of a group have in common, by fact; empty text where they differ.
Facts common_facts(const Group& group);

// Sets the suspect and the evidence; `alarms` are given, the worst first, one at least.
void explain(Outlier& outlier, const Parts& parts, const Group& group, const Facts& common);

}  // namespace limen::results::fleet
