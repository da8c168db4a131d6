// Where a value stands on an axis, and which values its ticks name; alike for every drawing.
#pragma once

#include <string>
#include <vector>

#include "report/plot.hpp"

namespace limen::report {

struct Tick {
  double share = 0;  // of the axis, from its beginning
  std::string text;
};

// A range of positive values, or of values from zero.
struct Scale {
  double low = 0, high = 1;
  bool logarithmic = false;

  double share(double value) const;
};

// What a logarithmic axis can show.
inline bool drawable(double v) { return std::isfinite(v) && v > 0; }
inline bool drawable(const Spot& s) { return drawable(s.x) && drawable(s.y); }

// Holds all drawable marks with some room about them, or as the axis says.
struct Scales {
  Scale x, y;
};
Scales scales_of(const Chart& chart);
// From zero, with room for all bars and, where they are drawn, their intervals.
Scale scale_of(const Bars& bars, bool with_intervals);

// Round values: on a logarithmic scale 1, 2 and 5 of each decade, or fewer if that is more than
// `most`, or round steps where they lie within less than a decade.
std::vector<Tick> ticks_of(const Scale& scale, const Axis& axis, int most);

// With what the intervals are, if there are any.
std::string subtitle_of(const Chart& chart);
std::string subtitle_of(const Bars& bars);

// Whether the mark has an interval that can be drawn.
bool has_interval(const Mark& mark);

// A value with its unit, or a bare number where the axis has the unit.
std::string value_text(double value, const Axis& axis);

double sum_of(const Bar& bar);
// The sum with its unit, and [its interval].
std::string total_text(const Bars& bars, const Bar& bar);

// The axis' name, with the unit of its ticks unless they have it.
std::string heading_of(const Axis& axis);

}  // namespace limen::report
