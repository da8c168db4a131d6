// A merged fleet for people.
#pragma once

#include <string>

#include "results/fleet/fleet_file.hpp"

namespace limen::cli {

// `colour`: of the map. Ends in a newline.
std::string fleet_text(const results::fleet::Merged& fleet, bool colour);

}  // namespace limen::cli
