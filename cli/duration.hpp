// Times on the command line: a number with its unit.
#pragma once

#include <cmath>
#include <string>

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::cli {

// "90s", "1.5min", "20ms" in seconds. Error if it is no positive time or has no unit.
inline double positive_seconds(const char* option, const std::string& text) {
  double value = 0;
  std::size_t used = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {  // no number, or out of range
    used = 0;
  }
  const std::string unit = text.substr(used);
  const double factor = unit == "ms"    ? 1e-3
                        : unit == "s"   ? 1
                        : unit == "min" ? 60
                        : unit == "h"   ? 3600
                                        : 0;
  if (used == 0 || factor == 0 || !std::isfinite(value) || value <= 0) {
    throw Error(fmt::format("{} needs a positive time with its unit, such as 90s or 5min, not '{}'",
                            option, text));
  }
  return value * factor;
}

}  // namespace limen::cli
