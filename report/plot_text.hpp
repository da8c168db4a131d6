// The sheet of the terminal drawings: cells of one column, with lines in dots of 2 x 4 a cell
// (Braille patterns) under glyphs and words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace limen::report {

inline constexpr int terminal_width = 80;

class Sheet {
 public:
  Sheet(int width, int height) : width_(width), cells_(std::size_t(width * height)) {}

  // One character, of one column; nothing outside of the sheet.
  void put(int column, int row, std::string_view character, int hue);
  // Printable words, cut off at the right edge.
  void write(int column, int row, std::string_view words, int hue);
  // From dot to dot; `dashed` leaves every other pair out.
  void line(double x1, double y1, double x2, double y2, int hue, bool dashed = false);

  // The rows, without blanks at their ends, each with a line feed.
  std::string text(bool colour) const;

 private:
  struct Cell {
    std::string character;  // empty: dots, if any
    unsigned dots = 0;
    int hue = -1;          // ink
    bool covered = false;  // by a wide character to the left
  };
  Cell* cell(int column, int row);

  int width_;
  std::vector<Cell> cells_;
};

// Words in the colour of a hue.
std::string coloured(std::string_view words, int hue, bool colour);

// The glyphs of hues.
const char* glyph_of(int hue);

// Title and subtitle, broken into lines.
std::string heading_text(std::string_view title, std::string_view subtitle, bool colour);

// Items side by side, in as many lines as it takes, each line indented.
struct KeyItem {
  std::string glyph, words;
  int hue;
};
std::string key_text(const std::vector<KeyItem>& items, bool colour);

}  // namespace limen::report
