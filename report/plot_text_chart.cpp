// A chart in a terminal: names beside what they name where there is room, and all of them below.
#include <algorithm>

#include <fmt/format.h>

#include "report/plot_axis.hpp"
#include "report/plot_labels.hpp"
#include "report/plot_text.hpp"
#include "report/printable.hpp"

namespace limen::report {
namespace {

constexpr int rows = 20;

// The cells that values fall into.
struct Cells {
  int left;  // of the first column of values
  Scales scales;
  int width() const { return terminal_width - left; }
  // In dots, from the left and top.
  Spot dot(const Spot& v) const {
    const auto within = [](double share) { return std::clamp(share, 0.0, 1.0); };
    return {2 * left + within(scales.x.share(v.x)) * (2 * width() - 1),
            (1 - within(scales.y.share(v.y))) * (4 * rows - 1)};
  }
  Box cell(const Spot& v) const {
    const Spot d = dot(v);
    const double x = std::floor(d.x / 2), y = std::floor(d.y / 4);
    return {x, y, x + 1, y + 1};
  }
};

void add_line(std::vector<Box>& boxes, const Spot& a, const Spot& b) {
  const double n = std::max(1.0, std::ceil(std::max(std::abs(b.x - a.x), std::abs(b.y - a.y))));
  for (double i = 0; i <= n; i += 2) {
    const double x = std::floor((a.x + (b.x - a.x) * i / n) / 2);
    const double y = std::floor((a.y + (b.y - a.y) * i / n) / 4);
    boxes.push_back({x, y, x + 1, y + 1});
  }
}

void draw(Sheet& sheet, const Chart& chart, const Cells& cells, LabelSpace& space) {
  const auto line = [&](const Spot& a, const Spot& b, int hue, bool dashed) {
    sheet.line(a.x, a.y, b.x, b.y, hue, dashed);
    add_line(space.lines, a, b);
  };
  for (const auto& s : chart.series) {
    const Mark* last = nullptr;
    for (const auto& m : s.marks) {
      if (!drawable(m.at)) continue;
      if (last && s.join != Series::Join::none)
        line(cells.dot(last->at), cells.dot(m.at), s.hue, s.join == Series::Join::dashed);
      if (s.show == Series::Show::glyphs && has_interval(m))
        sheet.line(cells.dot(m.low).x, cells.dot(m.low).y, cells.dot(m.high).x, cells.dot(m.high).y,
                   s.hue);
      last = &m;
    }
  }
  for (const auto& s : chart.series) {
    for (const auto& m : s.marks) {
      if (!drawable(m.at) || s.show == Series::Show::nothing) continue;
      const Box c = cells.cell(m.at);
      if (s.show == Series::Show::faint) {
        sheet.put(int(c.left), int(c.top), "·", s.hue);
        continue;
      }
      sheet.put(int(c.left), int(c.top), glyph_of(s.hue), s.hue);
      space.marks.push_back(c);
    }
  }
}

void draw_labels(Sheet& sheet, const Chart& chart, const Cells& cells, LabelSpace space) {
  std::vector<Label> labels;
  std::vector<std::pair<std::string, int>> words;
  const auto want = [&](const Series& s, const Mark& m, const std::string& text, int reach) {
    words.emplace_back(shortened(printable(text), 40), s.hue);
    labels.push_back({cells.cell(m.at), double(columns(words.back().first)), 1, reach});
  };
  const auto each = [&](auto&& f) {
    for (const auto& s : chart.series) {
      for (std::size_t i = 0; i < s.marks.size(); ++i)
        if (drawable(s.marks[i].at)) f(s, s.marks[i], i == s.named_at && !s.name.empty());
    }
  };
  each([&](const Series& s, const Mark& m, bool named) {
    if (named) want(s, m, s.name, 3);
  });
  each([&](const Series& s, const Mark& m, bool) {
    if (!m.label.empty()) want(s, m, m.label, 1);
  });
  const auto places = place_labels(labels, std::move(space));
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i])
      sheet.write(int(places[i]->left), int(places[i]->top), words[i].first, words[i].second);
  }
}

// The names of ticks under the axis, as many as there is room for.
std::string tick_lines(const Chart& chart, const Cells& cells) {
  std::string axis(std::size_t(cells.left - 1), ' ');
  std::vector<bool> ticks(std::size_t(cells.width()));
  Sheet names(terminal_width, 1);
  int free = 0;
  for (const auto& tick : ticks_of(cells.scales.x, chart.x, cells.width() / 8)) {
    const int at = int(tick.share * (cells.width() - 0.5));
    if (at < 0 || at >= cells.width()) continue;
    ticks[std::size_t(at)] = true;
    const int n = columns(tick.text);
    const int from = std::clamp(cells.left + at - n / 2, 0, terminal_width - n);
    if (from < free) continue;
    names.write(from, 0, tick.text, ink);
    free = from + n + 1;
  }
  axis += "└";
  for (bool tick : ticks) axis += tick ? "┴" : "─";
  return axis + "\n" + names.text(false);
}

}  // namespace

std::string to_terminal(const Chart& chart, bool colour) {
  const Scales scales = scales_of(chart);
  const auto y_ticks = ticks_of(scales.y, chart.y, rows / 2);
  int widest = 3;
  for (const auto& tick : y_ticks) widest = std::max(widest, columns(tick.text));
  const Cells cells{widest + 2, scales};
  Sheet sheet(terminal_width, rows);
  for (int row = 0; row < rows; ++row) sheet.put(cells.left - 1, row, "│", ink);
  int taken = -1;
  for (auto tick = y_ticks.rbegin(); tick != y_ticks.rend(); ++tick) {
    const int row = int((1 - tick->share) * (4 * rows - 1)) / 4;
    if (row == taken) continue;
    taken = row;
    sheet.put(cells.left - 1, row, "┤", ink);
    sheet.write(widest - columns(tick->text), row, tick->text, ink);
  }
  LabelSpace space{{double(cells.left), 0, terminal_width, rows}, 1, 1, {}, {}};
  draw(sheet, chart, cells, space);
  draw_labels(sheet, chart, cells, std::move(space));
  const std::string x_name = shortened(printable(heading_of(chart.x)), terminal_width - 2) + " →";
  std::vector<KeyItem> key;
  for (const auto& s : chart.series) {
    if (!s.name.empty() &&
        std::any_of(s.marks.begin(), s.marks.end(), [](const Mark& m) { return drawable(m.at); }))
      key.push_back({s.show == Series::Show::glyphs   ? glyph_of(s.hue)
                     : s.join == Series::Join::dashed ? "╌"
                                                      : "─",
                     s.name, s.hue});
  }
  return heading_text(chart.title, subtitle_of(chart), colour) + "\n↑ " +
         shortened(printable(heading_of(chart.y)), terminal_width - 2) + "\n" + sheet.text(colour) +
         tick_lines(chart, cells) +
         std::string(std::size_t(terminal_width - columns(x_name)), ' ') + x_name + "\n" +
         key_text(key, colour);
}

}  // namespace limen::report
