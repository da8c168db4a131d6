#include "report/plot_axis.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace limen::report {
namespace {

// Their ratio itself may be more than a double can hold.
double decades(double low, double high) { return std::log10(high) - std::log10(low); }

struct Extent {
  double low = INFINITY, high = -INFINITY;
  void hold(double v) {
    if (!drawable(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  }
};

Scale logarithmic(Extent e, const Axis& axis) {
  if (!(e.low <= e.high)) e = {1, 10};
  const double room = std::max(1.15, std::pow(10, 0.06 * decades(e.low, e.high)));
  Scale s{e.low / room, e.high * room, true};
  if (decades(s.low, s.high) < 0.3) s = {s.low / 1.5, s.high * 1.5, true};
  if (drawable(axis.low)) s.low = axis.low;
  if (drawable(axis.high)) s.high = axis.high;
  // Values at the ends of what a double can hold leave no room.
  s.low = std::clamp(s.low, 1e-300, 1e299);
  s.high = std::clamp(s.high, s.low * 1.01, 1e300);
  return s;
}

// The round step that makes at most `most` ticks over a range.
double round_step(double range, int most) {
  const double least = range / most;
  const double decade = std::pow(10, std::floor(std::log10(least)));
  for (double m : {1.0, 2.0, 5.0}) {
    if (m * decade >= least * 0.999999) return m * decade;
  }
  return 10 * decade;
}

std::vector<Tick> even_ticks(const Scale& scale, const Axis& axis, int most) {
  std::vector<Tick> out;
  const double step = round_step(scale.high - scale.low, most);
  const double first = std::ceil(scale.low / step - 1e-9);
  for (double i = first; i * step <= scale.high * (1 + 1e-9); ++i) {
    out.push_back({scale.share(i * step), i == 0 ? "0" : value_text(i * step, axis)});
  }
  return out;
}

}  // namespace

double Scale::share(double value) const {
  if (!logarithmic) return (value - low) / (high - low);
  return decades(low, value) / decades(low, high);
}

Scales scales_of(const Chart& chart) {
  Extent x, y;
  for (const auto& s : chart.series) {
    for (const auto& m : s.marks) {
      if (!drawable(m.at)) continue;
      for (const Spot& spot : {m.at, m.low, m.high}) x.hold(spot.x), y.hold(spot.y);
    }
  }
  return {logarithmic(x, chart.x), logarithmic(y, chart.y)};
}

Scale scale_of(const Bars& bars, bool with_intervals) {
  double most = 0;
  for (const auto& b : bars.bars) {
    for (double v : {sum_of(b), b.bound, with_intervals ? b.high : 0}) {
      if (std::isfinite(v)) most = std::max(most, v);
    }
  }
  return {0, most > 0 ? most : 1, false};
}

std::vector<Tick> ticks_of(const Scale& scale, const Axis& axis, int most) {
  if (!scale.logarithmic || decades(scale.low, scale.high) < 0.9)
    return even_ticks(scale, axis, most);
  const int first = static_cast<int>(std::floor(std::log10(scale.low)));
  const int last = static_cast<int>(std::ceil(std::log10(scale.high)));
  const auto within = [&](double v) {
    return v >= scale.low * (1 - 1e-9) && v <= scale.high * (1 + 1e-9);
  };
  for (const auto& mantissas : {std::vector<double>{1, 1.5, 2, 3, 4, 5, 6, 8}, {1, 2, 5}, {1, 3}}) {
    std::vector<Tick> out;
    for (int e = first; e <= last; ++e) {
      for (double m : mantissas) {
        const double v = m * std::pow(10, e);
        if (within(v)) out.push_back({scale.share(v), value_text(v, axis)});
      }
    }
    if (static_cast<int>(out.size()) <= most) return out;
  }
  const int step = std::max(1, (last - first + most - 1) / most);
  std::vector<Tick> out;
  for (int e = first; e <= last; ++e) {
    const double v = std::pow(10, e);
    if (within(v) && ((e % step) + step) % step == 0)
      out.push_back({scale.share(v), value_text(v, axis)});
  }
  return out;
}

std::string value_text(double value, const Axis& axis) {
  return axis.text ? axis.text(value) : fmt::format("{:.6g}", value);
}

double sum_of(const Bar& bar) {
  double sum = 0;
  for (double v : bar.values) sum += v;
  return sum;
}

std::string total_text(const Bars& bars, const Bar& b) {
  std::string out = value_text(sum_of(b), bars.axis);
  if (b.low < b.high)
    out += fmt::format(" [{}, {}]", value_text(b.low, bars.axis), value_text(b.high, bars.axis));
  return out;
}

bool has_interval(const Mark& m) {
  return drawable(m.low) && drawable(m.high) && (m.low.x != m.high.x || m.low.y != m.high.y);
}

std::string subtitle_of(const Chart& chart) {
  bool any = false;
  for (const auto& s : chart.series)
    for (const auto& m : s.marks) any = any || (s.show == Series::Show::glyphs && has_interval(m));
  if (!any) return chart.subtitle;
  return chart.subtitle + (chart.subtitle.empty() ? "strokes: " : "; strokes: ") + chart.interval;
}

std::string subtitle_of(const Bars& bars) {
  const bool any =
      std::any_of(bars.bars.begin(), bars.bars.end(), [](const Bar& b) { return b.low < b.high; });
  return any ? bars.subtitle + "; brackets: " + bars.interval : bars.subtitle;
}

std::string heading_of(const Axis& axis) {
  return axis.text || axis.unit.empty() ? axis.name : axis.name + ", " + axis.unit;
}

}  // namespace limen::report
