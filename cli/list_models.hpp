// The models of `limen cards --models`: shape, size, cache and formats of each.
#pragma once

#include <string>
#include <vector>

namespace limen::cli {

// Prints models by name or config.json; throws Error on one that cannot be read.
void list_models(const std::vector<std::string>& names, bool json);

}  // namespace limen::cli
