// Stacked bars in a terminal: each part in a fill of its own, its value under it where it fits.
#include <algorithm>

#include <fmt/format.h>

#include "report/plot_axis.hpp"
#include "report/plot_text.hpp"
#include "report/printable.hpp"

namespace limen::report {
namespace {

constexpr const char* fills[] = {"█", "░", "▓", "▒", "▚", "╱"};
constexpr int most_label = 20;  // a line, of two

const char* fill_of(std::size_t part) { return fills[part % 6]; }

std::vector<std::string> label_lines(const Bar& b) {
  auto lines = wrapped(printable(b.label), most_label);
  if (lines.size() > 2) {
    lines[1] = shortened(lines[1] + " " + lines[2], most_label);
    lines.resize(2);
  }
  return lines;
}

}  // namespace

std::string to_terminal(const Bars& bars, bool colour) {
  int left = 0, right = 0;
  for (const auto& b : bars.bars) {
    for (const auto& line : label_lines(b)) left = std::max(left, columns(line) + 1);
    if (b.instead.empty()) right = std::max(right, columns(total_text(bars, b)) + 1);
  }
  const Scale scale = scale_of(bars, false);
  const int width = terminal_width - left - right;
  const auto at = [&](double v) { return left + int(std::lround(scale.share(v) * width)); };
  std::string out = heading_text(bars.title, subtitle_of(bars), colour) + "\n";
  std::vector<bool> shown(bars.parts.size());
  bool bound = false;
  for (const auto& b : bars.bars) {
    const auto label = label_lines(b);
    const auto instead = wrapped(printable(b.instead), terminal_width - left);
    Sheet rows(terminal_width, int(std::max<std::size_t>(2, instead.size())));
    for (std::size_t i = 0; i < label.size(); ++i) rows.write(0, int(i), label[i], ink);
    if (!instead.empty()) {
      for (std::size_t i = 0; i < instead.size(); ++i) rows.write(left, int(i), instead[i], ink);
      out += rows.text(colour);
      continue;
    }
    double from = 0;
    const int bound_at = std::isfinite(b.bound) ? std::max(left, at(b.bound) - 1) : -1;
    if (bound_at >= 0) rows.put(bound_at, 1, "▴", ink);
    bound = bound || bound_at >= 0;
    int free = left;
    for (std::size_t i = 0; i < b.values.size(); ++i) {
      const int begin = at(from), end = at(from + b.values[i]);
      from += b.values[i];
      if (!(b.values[i] > 0)) continue;
      shown[i] = true;
      for (int x = begin; x < end; ++x) rows.put(x, 0, fill_of(i), int(i));
      const std::string value = value_text(b.values[i], bars.axis);
      const int last = begin + columns(value);
      const bool over_bound = begin <= bound_at + 1 && bound_at <= last;
      if (begin >= free && last <= end && !over_bound) {
        rows.write(begin, 1, value, ink);
        free = last + 1;
      }
    }
    rows.write(at(from) + 1, 0, total_text(bars, b), ink);
    out += rows.text(colour);
  }
  std::vector<KeyItem> key;
  for (std::size_t i = 0; i < shown.size(); ++i)
    if (shown[i]) key.push_back({fill_of(i), bars.parts[i], int(i)});
  if (bound) key.push_back({"▴", bars.bound, ink});
  return out + key_text(key, colour);
}

}  // namespace limen::report
