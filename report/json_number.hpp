// A number for JSON, which has no infinity and no NaN: what has no value is null.
#pragma once

#include <cmath>

#include <nlohmann/json.hpp>

namespace limen::report {

inline nlohmann::ordered_json number(double v) {
  return std::isfinite(v) ? nlohmann::ordered_json(v) : nlohmann::ordered_json(nullptr);
}

}  // namespace limen::report
