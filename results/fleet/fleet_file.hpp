// A merged fleet as a file: JSON that holds every node's figures, so that a later fleet can be held
// against it; and CSV, a row a figure of a node.
#pragma once

#include <optional>
#include <string>

#include "results/fleet/collect.hpp"
#include "results/fleet/drift.hpp"
#include "results/fleet/links.hpp"

namespace limen::results::fleet {

// All that is said of a fleet.
struct Merged {
  Collected collected;
  std::vector<Judgement> judgements;         // by group
  std::vector<std::vector<SlowLink>> links;  // by group
  std::optional<Drift> drift;
};
Merged merged(Collected collected);

// A node with a figure that is among the worst of its group.
struct Worst {
  std::size_t node;
  double value;
};
std::vector<Worst> worst_of(const Group& group, std::size_t figure, std::size_t most);

std::string to_json(const Merged& fleet);  // ends in a newline
std::string to_csv(const Merged& fleet);

// What to_json wrote, without what was concluded from it. Error with file, line and column on
// anything else.
Fleet read_fleet(const std::string& text, const std::string& file);

}  // namespace limen::results::fleet
