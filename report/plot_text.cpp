#include "report/plot_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "report/plot.hpp"
#include "report/printable.hpp"

namespace limen::report {
namespace {

// Of the 256 colours those that stand out from black and from white.
constexpr int terminal_colours[] = {32, 166, 35, 170, 136, 105};
constexpr const char* glyphs[] = {"●", "▲", "■", "◆", "▼", "✚", "◎", "△", "□", "◇", "▽", "✕"};

std::string braille(unsigned dots) {
  const unsigned code = 0x2800 + dots;
  return {static_cast<char>(0xe0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3f)),
          static_cast<char>(0x80 | (code & 0x3f))};
}

}  // namespace

const char* glyph_of(int hue) { return hue == ink ? "○" : glyphs[std::size_t(hue) % 12]; }

std::string coloured(std::string_view words, int hue, bool colour) {
  if (!colour || hue == ink) return std::string(words);
  return fmt::format("\x1b[38;5;{}m{}\x1b[0m", terminal_colours[std::size_t(hue) % 6], words);
}

Sheet::Cell* Sheet::cell(int column, int row) {
  const std::size_t i = std::size_t(row) * std::size_t(width_) + std::size_t(column);
  return column < 0 || column >= width_ || row < 0 || i >= cells_.size() ? nullptr : &cells_[i];
}

void Sheet::put(int column, int row, std::string_view character, int hue) {
  if (Cell* c = cell(column, row)) *c = {std::string(character), 0, hue, false};
}

void Sheet::write(int column, int row, std::string_view words, int hue) {
  for (const auto& c : characters(words)) {
    const int wide = columns(c);
    if (column + wide > width_) return;
    put(column, row, c, hue);
    for (int i = 1; i < wide; ++i) {
      if (Cell* next = cell(column + i, row)) *next = {"", 0, hue, true};
    }
    column += wide;
  }
}

void Sheet::line(double x1, double y1, double x2, double y2, int hue, bool dashed) {
  // Bits of a Braille pattern, by column and row of the dot.
  constexpr unsigned bits[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};
  const int n = std::max(1, int(std::ceil(std::max(std::abs(x2 - x1), std::abs(y2 - y1)))));
  for (int i = 0; i <= n; ++i) {
    if (dashed && i / 2 % 2 == 1) continue;
    const int x = int(std::floor(x1 + (x2 - x1) * i / n));
    const int y = int(std::floor(y1 + (y2 - y1) * i / n));
    Cell* c = x < 0 || y < 0 ? nullptr : cell(x / 2, y / 4);
    if (c == nullptr || !c->character.empty() || c->covered) continue;
    c->dots |= bits[x % 2][y % 4];
    c->hue = hue;
  }
}

std::string Sheet::text(bool colour) const {
  std::string out;
  for (std::size_t begin = 0; begin < cells_.size(); begin += std::size_t(width_)) {
    std::string row, run, blanks;
    int hue = ink;
    const auto end_run = [&] {
      if (!run.empty()) row += coloured(run, hue, colour);
      run.clear();
    };
    for (std::size_t i = begin; i < begin + std::size_t(width_); ++i) {
      const Cell& c = cells_[i];
      if (c.covered) continue;
      const std::string shown = !c.character.empty() ? c.character : c.dots ? braille(c.dots) : " ";
      if (shown == " ") {
        blanks += ' ';
        continue;
      }
      if (c.hue != hue) end_run();
      hue = c.hue;
      run += blanks + shown;
      blanks.clear();
    }
    end_run();
    out += row + "\n";
  }
  return out;
}

std::string heading_text(std::string_view title, std::string_view subtitle, bool colour) {
  std::string out;
  for (const auto& line : wrapped(printable(title), terminal_width))
    out += colour ? "\x1b[1m" + line + "\x1b[0m\n" : line + "\n";
  for (const auto& line : wrapped(printable(subtitle), terminal_width)) out += line + "\n";
  return out;
}

std::string key_text(const std::vector<KeyItem>& items, bool colour) {
  std::string out, line;
  int used = 0;
  for (const auto& item : items) {
    const std::string words = shortened(printable(item.words), terminal_width - 6);
    const int need = 4 + columns(words);
    if (used > 0 && used + need > terminal_width) {
      out += line + "\n";
      line.clear();
      used = 0;
    }
    line += "  " + coloured(item.glyph, item.hue, colour) + " " + words;
    used += need;
  }
  return used > 0 ? out + line + "\n" : out;
}

}  // namespace limen::report
