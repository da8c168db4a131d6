// Stacked bars as SVG: the parts named above the first bar that shows them, their values inside.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "report/plot_axis.hpp"
#include "report/plot_svg.hpp"
#include "report/printable.hpp"

namespace limen::report {
namespace {

constexpr double bar_height = 22, pitch = 38;

// Name by name from the left, in as many lines as it takes; the bottom of the last.
double draw_key(Svg& svg, const Bars& bars, double left, double right, double y) {
  double x = left;
  const auto room = [&](const std::string& words) {
    const double need = 16 + text_width(words) + 18;
    if (x > left && x + need > right) x = left, y += 20;
    const double at = x;
    x += need;
    return at;
  };
  std::set<std::size_t> shown;
  bool bound = false;
  for (const auto& b : bars.bars) {
    for (std::size_t i = 0; i < b.values.size(); ++i) {
      if (b.values[i] > 0) shown.insert(i);
    }
    bound = bound || std::isfinite(b.bound);
  }
  for (std::size_t i : shown) {
    const std::string words = printable(bars.parts[i]);
    const double at = room(words);
    svg.rectangle({at, y - 10, at + 11, y + 1}, fmt::format("f{}", i % hues));
    svg.text(at + 16, y, Svg::At::start, words);
  }
  if (bound) {
    const double at = room(bars.bound);
    svg.line(at + 5, y - 12, at + 5, y + 3, "bound");
    svg.text(at + 16, y, Svg::At::start, bars.bound);
  }
  return y;
}

}  // namespace

std::string to_svg(const Bars& bars) {
  Svg svg;
  double left = 20, right_text = 0;
  for (const auto& b : bars.bars) {
    left = std::max(left, text_width(shortened(printable(b.label), 34)) + 26);
    if (b.instead.empty()) right_text = std::max(right_text, text_width(total_text(bars, b)));
  }
  const double right = svg_width - 24 - right_text - 8;
  const double top =
      draw_key(svg, bars, 16, svg_width - 16, svg.heading(bars.title, subtitle_of(bars)) + 30) + 18;
  const double bottom = top + pitch * static_cast<double>(bars.bars.size());
  const Scale scale = scale_of(bars, true);
  const auto at = [&](double v) { return left + scale.share(v) * (right - left); };
  for (const auto& tick : ticks_of(scale, bars.axis, 6)) {
    const double x = left + tick.share * (right - left);
    svg.line(x, top, x, bottom, "grid");
    svg.text(x, bottom + 18, Svg::At::middle, tick.text, "soft");
  }
  double y = top;
  for (const auto& b : bars.bars) {
    const double above = y + (pitch - bar_height) / 2, below = above + bar_height;
    const double words = above + bar_height / 2 + 4;
    svg.text(left - 8, words, Svg::At::end, shortened(printable(b.label), 34));
    y += pitch;
    if (!b.instead.empty()) {
      const int most = static_cast<int>((svg_width - 24 - left) / (0.52 * font_size));
      svg.text(left + 6, words, Svg::At::start, shortened(printable(b.instead), most), "soft halo");
      continue;
    }
    double from = 0;
    for (std::size_t i = 0; i < b.values.size(); ++i) {
      const double x = at(from), to = at(from + b.values[i]);
      from += b.values[i];
      if (!(b.values[i] > 0)) continue;
      const std::string value = value_text(b.values[i], bars.axis);
      svg.open_group(printable(bars.parts[i]) + ": " + value);
      // A sliver of paper between neighbours, but not where nothing would be left.
      svg.rectangle({x, above, std::max(to - (to - x > 3 ? 1.2 : 0), x), below},
                    fmt::format("f{}", i % hues));
      if (text_width(value) + 8 < to - x)
        svg.text((x + to) / 2, words, Svg::At::middle, value, fmt::format("on{}", i % hues));
      svg.close_group();
    }
    if (b.low < b.high) {
      const double low = at(b.low), high = at(b.high), middle = below + 4;
      svg.line(low, middle, high, middle, "axis");
      for (double x : {low, high}) svg.line(x, middle - 3, x, middle + 3, "axis");
    }
    if (std::isfinite(b.bound)) svg.line(at(b.bound), above - 4, at(b.bound), below + 4, "bound");
    svg.text(at(from) + 8, words, Svg::At::start, total_text(bars, b), "ink halo");
  }
  svg.line(left, top, left, bottom, "axis");
  svg.text(right, bottom + 38, Svg::At::end, heading_of(bars.axis) + " →");
  return svg.finish(bottom + 56, bars.title, bars.description);
}

}  // namespace limen::report
