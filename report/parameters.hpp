// The parameters of a measurement by name; empty or zero where there is none of that kind.
#pragma once

#include <string>

#include "results/measurement.hpp"

namespace limen::report {

inline std::string word(const results::Parameters& p, const char* key) {
  const auto it = p.find(key);
  const auto* s = it == p.end() ? nullptr : std::get_if<std::string>(&it->second);
  return s ? *s : "";
}

inline std::int64_t integer(const results::Parameters& p, const char* key) {
  const auto it = p.find(key);
  const auto* n = it == p.end() ? nullptr : std::get_if<std::int64_t>(&it->second);
  return n ? *n : 0;
}

}  // namespace limen::report
