// Tables of published figures: comma-separated values with a header, every figure with its line.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace limen::calibration {

struct Table {
  std::string origin;  // the file's name, for error messages
  std::vector<std::string> columns;
  struct Row {
    int line = 0;  // in the file, where the row begins
    std::vector<std::string> cells;
  };
  std::vector<Row> rows;

  bool has(std::string_view column) const;
  // The text of a cell; empty if the table lacks the column.
  const std::string& text(const Row& row, std::string_view column) const;
  // A finite number; nothing if the cell is empty or absent. Throws Error with line and column.
  std::optional<double> number(const Row& row, std::string_view column) const;
  // The same, above zero; throws Error where there is none.
  double positive(const Row& row, std::string_view column) const;
};

// RFC 4180: fields may be quoted and then hold commas, quotes (doubled) and line breaks. Lines that
// begin with '#' before the header are comments. Throws Error on a row of another width than the
// header, on an open quote, and on a header with a name twice.
Table read_table(std::string_view text, const std::string& origin);
Table load_table(const std::string& file);

// A cell as it must be written.
std::string quoted_cell(const std::string& text);

}  // namespace limen::calibration
