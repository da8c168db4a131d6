// A table for people: columns as wide as they need, words to the left, figures to the right; and
// figures with a unit that suits their size.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "results/statistics.hpp"

namespace limen::cli {

class TextTable {
 public:
  // Headings that begin with '>' are of figures.
  explicit TextTable(std::vector<std::string> headings) : rows_{std::move(headings)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }

  std::string text() const {
    const auto& headings = rows_[0];
    std::vector<std::size_t> widths(headings.size());
    for (std::size_t r = 0; r < rows_.size(); ++r)
      for (std::size_t c = 0; c < headings.size(); ++c)
        widths[c] = std::max(widths[c], cell(r, c).size());
    std::string out;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      std::string line;
      for (std::size_t c = 0; c < headings.size(); ++c)
        line += headings[c][0] == '>' ? fmt::format("{:>{}}  ", cell(r, c), widths[c])
                                      : fmt::format("{:<{}}  ", cell(r, c), widths[c]);
      out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    }
    return out;
  }

 private:
  std::string cell(std::size_t r, std::size_t c) const {
    if (c >= rows_[r].size()) return "";
    return r == 0 && rows_[r][c][0] == '>' ? rows_[r][c].substr(1) : rows_[r][c];
  }
  std::vector<std::vector<std::string>> rows_;
};

inline std::string time_text(double seconds) {
  for (const auto& [factor, unit] : {std::pair{1.0, "s"}, {1e-3, "ms"}, {1e-6, "us"}})
    if (seconds >= factor) return fmt::format("{:.4g} {}", seconds / factor, unit);
  return fmt::format("{:.4g} ns", seconds * 1e9);
}
// Both ends as `text` writes a figure.
template <class F>
std::string interval_text(const results::Interval& i, F&& text) {
  return i.known() ? fmt::format("{} to {}", text(i.low), text(i.high)) : "-";
}
// A share as a percentage of three digits at most.
inline std::string percent(double share) {
  return fmt::format("{:.{}f} %", 100 * share, share < 0.1 ? 2 : 1);
}

}  // namespace limen::cli
