// A chart as SVG: frame, lines, intervals, glyphs, and every name beside what it names.
#include <algorithm>

#include <fmt/format.h>

#include "report/plot_axis.hpp"
#include "report/plot_svg.hpp"
#include "report/printable.hpp"

namespace limen::report {
namespace {

constexpr double text_height = 13;

// Of values on the paper.
struct Frame {
  Box box;
  Scales scales;
  Spot at(const Spot& v) const {
    const auto within = [](double share) { return std::clamp(share, 0.0, 1.0); };
    return {box.left + within(scales.x.share(v.x)) * (box.right - box.left),
            box.bottom - within(scales.y.share(v.y)) * (box.bottom - box.top)};
  }
};

Box about(const Spot& s, double half) { return {s.x - half, s.y - half, s.x + half, s.y + half}; }

// A line as boxes that labels can avoid.
void add_line(std::vector<Box>& boxes, const Spot& a, const Spot& b) {
  const double n = std::ceil(std::max(std::abs(b.x - a.x), std::abs(b.y - a.y)) / 3);
  for (double i = 0; i <= n; ++i) {
    const double share = n > 0 ? i / n : 0;
    boxes.push_back(about({a.x + share * (b.x - a.x), a.y + share * (b.y - a.y)}, 1.5));
  }
}

void draw_axes(Svg& svg, const Chart& chart, const Frame& f) {
  const Box& b = f.box;
  for (const auto& tick : ticks_of(f.scales.y, chart.y, 9)) {
    const double y = b.bottom - tick.share * (b.bottom - b.top);
    svg.line(b.left, y, b.right, y, "grid");
    svg.text(b.left - 7, y + 4, Svg::At::end, tick.text, "soft");
  }
  double free = 0;
  for (const auto& tick : ticks_of(f.scales.x, chart.x, 12)) {
    const double x = b.left + tick.share * (b.right - b.left);
    svg.line(x, b.top, x, b.bottom, "grid");
    const double half = text_width(tick.text) / 2;
    if (x - half < free) continue;
    svg.text(x, b.bottom + 18, Svg::At::middle, tick.text, "soft");
    free = x + half + 8;
  }
  svg.line(b.left, b.bottom, b.right, b.bottom, "axis");
  svg.line(b.left, b.top, b.left, b.bottom, "axis");
  svg.text(b.right, b.bottom + 38, Svg::At::end, heading_of(chart.x) + " →");
  svg.text(16, b.top - 12, Svg::At::start, "↑ " + heading_of(chart.y));
}

std::string line_class(const Series& s) {
  return (s.hue == ink ? "rule" : fmt::format("l{} series", s.hue % hues)) +
         (s.join == Series::Join::dashed ? " dash" : "");
}

// Lines first, so that glyphs lie on top.
void draw_lines(Svg& svg, const Series& s, const Frame& f, std::vector<Box>& lines) {
  if (s.join == Series::Join::none) return;
  std::vector<Spot> spots;
  for (const auto& m : s.marks) {
    if (!drawable(m.at)) continue;
    const Spot here = f.at(m.at);
    if (!spots.empty()) add_line(lines, spots.back(), here);
    spots.push_back(here);
  }
  if (spots.size() > 1) svg.polyline(spots, line_class(s));
}

void draw_marks(Svg& svg, const Series& s, const Frame& f, LabelSpace& space) {
  for (const auto& m : s.marks) {
    if (!drawable(m.at) || s.show == Series::Show::nothing) continue;
    const Spot at = f.at(m.at);
    svg.open_group(m.note);
    if (s.show == Series::Show::faint) {
      svg.dot(at.x, at.y, s.hue);
      svg.close_group();
      space.lines.push_back(about(at, 2));
      continue;
    }
    if (has_interval(m)) {
      const Spot a = f.at(m.low), b = f.at(m.high);
      svg.line(a.x, a.y, b.x, b.y,
               s.hue == ink ? "rule interval" : fmt::format("l{} interval", s.hue % hues));
    }
    svg.glyph(at.x, at.y, s.hue);
    svg.close_group();
    space.marks.push_back(about(at, 4.5));
  }
}

struct Wanted {
  Label label;
  std::string text;
  int hue;
  bool name;  // of a series
};

// Names of series before labels of marks.
std::vector<Wanted> wanted_labels(const Chart& chart, const Frame& f) {
  std::vector<Wanted> names, labels;
  for (const auto& s : chart.series) {
    for (std::size_t i = 0; i < s.marks.size(); ++i) {
      const auto& m = s.marks[i];
      if (!drawable(m.at)) continue;
      const Box at = about(f.at(m.at), s.show == Series::Show::glyphs ? 4.5 : 1.5);
      const auto want = [&](std::vector<Wanted>& to, const std::string& text, int reach) {
        const std::string words = shortened(printable(text), 60);
        to.push_back({{at, text_width(words), text_height, reach}, words, s.hue, &to == &names});
      };
      if (i == s.named_at && !s.name.empty()) {
        want(names, m.label.empty() ? s.name : s.name + ", " + m.label, 16);
      } else if (!m.label.empty()) {
        want(labels, m.label, 2);
      }
    }
  }
  names.insert(names.end(), labels.begin(), labels.end());
  return names;
}

// Returns the names for which there was no room.
std::vector<Wanted> draw_labels(Svg& svg, const Chart& chart, const Frame& f, LabelSpace space) {
  const auto wanted = wanted_labels(chart, f);
  std::vector<Label> labels;
  for (const auto& w : wanted) labels.push_back(w.label);
  const auto places = place_labels(labels, std::move(space));
  std::vector<Wanted> left_over;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& w = wanted[i];
    if (!places[i]) {
      if (w.name) left_over.push_back(w);
      continue;
    }
    const Box &p = *places[i], &n = w.label.named;
    const Spot from{std::clamp((n.left + n.right) / 2, p.left, p.right),
                    std::clamp((n.top + n.bottom) / 2, p.top, p.bottom)};
    const Spot to{std::clamp(from.x, n.left, n.right), std::clamp(from.y, n.top, n.bottom)};
    if (std::hypot(from.x - to.x, from.y - to.y) > 12) svg.line(from.x, from.y, to.x, to.y, "lead");
    // The words are narrower than the room kept for them: they end where it ends if it is left of
    // what they name.
    const Svg::At at = p.right <= n.left   ? Svg::At::end
                       : p.left >= n.right ? Svg::At::start
                                           : Svg::At::middle;
    const double x = at == Svg::At::end     ? p.right
                     : at == Svg::At::start ? p.left
                                            : (p.left + p.right) / 2;
    svg.text(x, p.bottom - 3, at, w.text, hue_class(w.hue) + " halo");
  }
  return left_over;
}

}  // namespace

std::string to_svg(const Chart& chart) {
  Svg svg;
  const double top = svg.heading(chart.title, subtitle_of(chart)) + 44;
  const Scales scales = scales_of(chart);
  double left = 20;
  for (const auto& tick : ticks_of(scales.y, chart.y, 9))
    left = std::max(left, text_width(tick.text) + 22);
  const Frame f{{left, top, svg_width - 24, top + 340}, scales};
  draw_axes(svg, chart, f);
  LabelSpace space{f.box, 3, 7, {}, {}};
  for (const auto& s : chart.series) draw_lines(svg, s, f, space.lines);
  for (const auto& s : chart.series) draw_marks(svg, s, f, space);
  double bottom = f.box.bottom + 48;
  for (const auto& w : draw_labels(svg, chart, f, std::move(space))) {
    bottom += 18;
    svg.glyph(left + 6, bottom - 4, w.hue);
    svg.text(left + 16, bottom, Svg::At::start, w.text);
  }
  return svg.finish(bottom + 8, chart.title, chart.description);
}

}  // namespace limen::report
