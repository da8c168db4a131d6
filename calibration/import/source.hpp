// A file to import and the places in it, so that every error says file, line and column.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace limen::calibration::importing {

struct Place {
  std::string file;
  std::size_t line = 0, column = 0;  // from 1; 0: unknown
  [[noreturn]] void fail(const std::string& what) const;
};

struct Source {
  std::string file;  // as the user wrote it
  std::string text;

  Place at(std::size_t line, std::size_t column = 0) const { return {file, line, column}; }
  bool contains(std::string_view part) const { return text.find(part) != std::string::npos; }
  // FNV-1a 64 of the text, in hex.
  std::string hash() const;
};

// Error if it cannot be read, is empty or larger than 256 MiB. A byte order mark is dropped.
Source read_source(const std::filesystem::path& file);

// A word of a line, or a cell of a table row.
struct Cell {
  std::string text;
  Place place;

  // Error (where, what was expected) unless it is a finite number of no sign, or a whole one below
  // 2^62.
  double number() const;
  std::int64_t integer() const;
};

struct Line {
  std::string text;  // without its end, "\n" or "\r\n"
  std::size_t number;
};
// Error if the last line has no end: a figure at its end may have lost digits.
std::vector<Line> lines_of(const Source& source);

// What stands between blanks.
std::vector<Cell> words_of(const Source& source, const Line& line);
// What stands between separators, blanks around it removed. A cell may be in double quotes, with
// "" for a quote in it.
std::vector<Cell> cells_of(const Source& source, const Line& line, char separator);

std::string trimmed(std::string_view text);
// In lower case, every run of anything but letters and digits as one '_'.
std::string slug(std::string_view text);

}  // namespace limen::calibration::importing
