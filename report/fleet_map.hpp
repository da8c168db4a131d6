// A map of a fleet: a row a rack, a cell a node, in the order of host names. Nodes that do not fit
// carry the letter of what is suspected.
#pragma once

#include <string>

#include "results/fleet/fleet_file.hpp"

namespace limen::report {

// For a terminal. Groups of more rows than `most_rows` are left to the SVG, and say so.
std::string fleet_map(const results::fleet::Group& group,
                      const results::fleet::Judgement& judgement, bool colour,
                      std::size_t most_rows);

// All groups as one picture; the same fleet gives the same bytes.
std::string fleet_svg(const results::fleet::Merged& fleet);

}  // namespace limen::report
