// Hosts in the order in which people count them: node2 before node10, and racks as their names say.
#pragma once

#include <string>

namespace limen::results::fleet {

// Whether a stands before b: figures in a name count as numbers, the rest by letters.
bool host_before(const std::string& a, const std::string& b);

// What stands before the last number of the name without its domain: "r12" of r12n03.site.org,
// "node" of node7; the whole name if it has no number.
std::string rack_of(const std::string& host);

}  // namespace limen::results::fleet
