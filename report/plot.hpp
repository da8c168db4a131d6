// What a plot shows, in the units of its data: charts of points and lines, and stacked bars. The
// same description is drawn in a terminal, as SVG and as JSON.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace limen::report {

// Texts may come from files and are not to be trusted: each drawing makes them harmless.

struct Spot {
  double x = 0, y = 0;
};

struct Mark {
  Spot at;
  std::string label = {};  // beside the mark, where there is room
  std::string note = {};   // what a reader who points at it wants to know
  // The ends of its interval; equal to `at` if it has none.
  Spot low = at, high = at;
};

inline constexpr int ink = -1;  // a hue: that of the text, for what frames the data

struct Series {
  enum class Join { none, line, dashed };
  enum class Show { nothing, faint, glyphs };  // of a mark; faint: a dot, without its interval
  std::string name;
  int hue = 0;  // colour and glyph, from 0; or ink
  Join join = Join::none;
  Show show = Show::glyphs;
  std::vector<Mark> marks = {};
  std::size_t named_at = 0;  // the mark that the name stands beside
};

struct Axis {
  std::string name;
  std::string unit;  // of the values
  std::string (*text)(double) =
      nullptr;                   // a value with its unit; without it ticks are bare numbers
  double low = NAN, high = NAN;  // the range; NAN: as the marks need it
};

// Both axes are logarithmic: what is not positive and finite is not drawn.
struct Chart {
  std::string title, subtitle;
  std::string description;  // for who cannot see it
  std::string interval;     // what the intervals are
  Axis x, y;
  std::vector<Series> series;
};

struct Bar {
  std::string label;
  std::vector<double> values;    // of the parts, stacked from zero
  double low = NAN, high = NAN;  // interval of their sum
  double bound = NAN;            // what the sum cannot fall below
  std::string instead = {};      // of a bar: why there is none
};

struct Bars {
  std::string title, subtitle, description, interval;  // as of a chart
  Axis axis;
  std::string bound;               // the name of Bar::bound
  std::vector<std::string> parts;  // names, in the order of the stack
  std::vector<Bar> bars;
};

// Deterministic: the same description gives the same bytes.
std::string to_svg(const Chart& chart);
std::string to_svg(const Bars& bars);

// Lines of 80 columns at most; escape sequences only if `colour`, never out of the data.
std::string to_terminal(const Chart& chart, bool colour);
std::string to_terminal(const Bars& bars, bool colour);

// Values in the unit of their axis.
std::string to_json(const Chart& chart);
std::string to_json(const Bars& bars);

// Values with their unit, to three digits.
std::string flops_text(double flops_per_second);
std::string bandwidth_text(double bytes_per_second);
std::string seconds_text(double seconds);
std::string bytes_text(double bytes);

}  // namespace limen::report
