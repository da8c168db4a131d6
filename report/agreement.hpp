// Measured against predicted times, about the line where both are the same.
#pragma once

#include <string>
#include <vector>

#include "report/plot.hpp"

namespace limen::report {

// Seconds.
struct Compared {
  std::string series, note;
  double predicted, low, high;  // with its interval
  double measured;
};

Chart agreement(std::string title, std::string subtitle, const std::vector<Compared>& cases);

}  // namespace limen::report
