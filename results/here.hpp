// Where and when this process runs, as records name it.
#pragma once

#include <string>

namespace limen::results {

std::string host_name();
std::string utc_now();  // ISO 8601, whole seconds

}  // namespace limen::results
