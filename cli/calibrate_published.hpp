// The published half of `limen calibrate`: tables of published measurements -> laws.
#pragma once

#include <string>

#include "model/error.hpp"

namespace limen::cli {

Exit calibrate_published(const std::string& folder, const std::string& file, bool json);

}  // namespace limen::cli
