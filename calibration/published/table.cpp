#include "calibration/published/table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::calibration {

namespace {

// Reads one record from `at` on; leaves `at` behind its line break.
std::vector<std::string> record(std::string_view text, std::size_t& at, int& line,
                                const std::string& origin) {
  std::vector<std::string> cells(1);
  const int first = line;
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n') ++line;
    if (quoted) {
      if (c != '"') {
        cells.back() += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        cells.back() += '"';
        ++at;
      } else {
        quoted = false;
      }
    } else if (c == '"' && cells.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      cells.emplace_back();
    } else if (c == '\n') {
      ++at;
      break;
    } else if (c != '\r') {
      cells.back() += c;
    }
  }
  if (quoted)
    throw Error(fmt::format("{}:{}: a quote that opens here is never closed", origin, first));
  return cells;
}

}  // namespace

bool Table::has(std::string_view column) const {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

const std::string& Table::text(const Row& row, std::string_view column) const {
  static const std::string none;
  const auto at = std::find(columns.begin(), columns.end(), column);
  return at == columns.end() ? none : row.cells[static_cast<std::size_t>(at - columns.begin())];
}

std::optional<double> Table::number(const Row& row, std::string_view column) const {
  const std::string& cell = text(row, column);
  if (cell.empty()) return {};
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size() || !std::isfinite(value))
    throw Error(
        fmt::format("{}:{}: {}: '{}' is not a finite number", origin, row.line, column, cell));
  return value;
}

double Table::positive(const Row& row, std::string_view column) const {
  const auto value = number(row, column);
  if (!value) throw Error(fmt::format("{}:{}: {}: is missing", origin, row.line, column));
  if (!(*value > 0))
    throw Error(fmt::format("{}:{}: {}: {} must be above zero", origin, row.line, column, *value));
  return *value;
}

Table read_table(std::string_view text, const std::string& origin) {
  Table table;
  table.origin = origin;
  std::size_t at = 0;
  int line = 1;
  if (text.starts_with("\xef\xbb\xbf")) at = 3;
  while (at < text.size()) {
    const int first = line;
    const bool comment = table.columns.empty() && text[at] == '#';
    std::vector<std::string> cells = record(text, at, line, origin);
    if (comment || (cells.size() == 1 && cells[0].empty())) continue;
    if (table.columns.empty()) {
      if (std::set<std::string>(cells.begin(), cells.end()).size() != cells.size())
        throw Error(fmt::format("{}:{}: the header names a column twice", origin, first));
      table.columns = std::move(cells);
      continue;
    }
    if (cells.size() != table.columns.size())
      throw Error(fmt::format("{}:{}: {} fields, but the header has {}", origin, first,
                              cells.size(), table.columns.size()));
    table.rows.push_back({first, std::move(cells)});
  }
  if (table.columns.empty())
    throw Error(origin + ": is empty; a table begins with a header of column names");
  return table;
}

Table load_table(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!(text << in.rdbuf())) throw Error(file + ": cannot be read, or is empty");
  return read_table(text.str(), file);
}

std::string quoted_cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace limen::calibration
