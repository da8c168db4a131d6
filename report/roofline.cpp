#include "report/roofline.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "model/cards/units.hpp"
#include "report/escape.hpp"
#include "results/statistics.hpp"

namespace limen::report {
namespace {

using namespace model;

constexpr double width = 860, height = 480, left = 80, right = 150, top = 20, bottom = 56;

// Okabe and Ito's colours, told apart by colour-blind eyes too.
const std::map<std::string, std::string> colours = {{"fp64", "#999999"},
                                                    {"fp32", "#0072b2"},
                                                    {"bf16", "#009e73"},
                                                    {"int8", "#d55e00"},
                                                    {"int4", "#cc79a7"}};

std::string colour(const std::string& series) {
  const auto it = colours.find(series);
  return it == colours.end() ? "#555555" : it->second;
}

// Decades that hold all values, as exponents.
struct Axis {
  double low, high, from, to;  // exponents, pixels
  double at(double v) const { return from + (std::log10(v) - low) / (high - low) * (to - from); }
};

std::string text(double x, double y, const std::string& anchor, const std::string& words,
                 const std::string& more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y,
                     anchor, more, escape(words));
}

std::string line(double x1, double y1, double x2, double y2, const std::string& style) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n", x1, y1,
                     x2, y2, style);
}

std::string word(const results::Parameters& p, const char* key) {
  const auto it = p.find(key);
  const auto* s = it == p.end() ? nullptr : std::get_if<std::string>(&it->second);
  return s ? *s : "";
}

std::int64_t integer(const results::Parameters& p, const char* key) {
  const auto it = p.find(key);
  const auto* n = it == p.end() ? nullptr : std::get_if<std::int64_t>(&it->second);
  return n ? *n : 0;
}

}  // namespace

std::vector<RooflinePoint> roofline_points(const std::vector<results::Measurement>& measurements) {
  std::int64_t most = 0;
  for (const auto& m : measurements) {
    if (m.probe == "gemv") most = std::max(most, integer(m.parameters, "threads"));
  }
  std::vector<RooflinePoint> out;
  for (const auto& m : measurements) {
    const auto* samples = std::get_if<results::Samples>(&m.outcome);
    const bool linear = m.probe == "gemv" || m.probe == "gemm";
    if (!linear || !samples || samples->visits.empty()) continue;
    if (word(m.parameters, "residence") != "cold" || integer(m.parameters, "threads") != most)
      continue;
    const auto s = results::summarize(*samples);
    const double work = m.work.flops.in(flops);
    out.push_back({word(m.parameters, "format"),
                   fmt::format("{} x {}, {} tokens", integer(m.parameters, "rows"),
                               integer(m.parameters, "cols"),
                               std::max<std::int64_t>(1, integer(m.parameters, "tokens"))),
                   work / m.work.moved().in(bytes), work / s.median, work / s.interval.high,
                   work / s.interval.low});
  }
  return out;
}

std::string roofline_svg(const Machine& m, const std::vector<RooflinePoint>& points) {
  if (!m.memory_bandwidth) return "";
  const double bandwidth = m.memory_bandwidth->value.in(bytes_per_second);
  std::map<std::string, double> peaks;
  for (Format f : formats) {
    if (const auto& p = m.compute[static_cast<int>(f)])
      peaks[name(f)] = p->value.in(flops_per_second);
  }
  double x_low = 0.25, x_high = 64, y_low = bandwidth * x_low, y_high = bandwidth;
  for (const auto& [_, p] : peaks) {
    x_high = std::max(x_high, 4 * p / bandwidth);
    y_high = std::max(y_high, p);
  }
  for (const auto& p : points) {
    x_low = std::min(x_low, p.intensity);
    x_high = std::max(x_high, p.intensity);
    y_low = std::min(y_low, p.low);
    y_high = std::max(y_high, p.high);
  }
  const Axis x{std::floor(std::log10(x_low)), std::ceil(std::log10(x_high)), left, width - right};
  const Axis y{std::floor(std::log10(y_low)), std::ceil(std::log10(y_high)), height - bottom, top};
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" role=\"img\" "
      "font-family=\"system-ui, sans-serif\" "
      "font-size=\"12\" fill=\"currentColor\">\n<title>Roofline of {2}</title>\n",
      width, height, escape(m.name));
  const std::string grid = "stroke=\"currentColor\" stroke-opacity=\"0.15\"";
  for (double e = x.low; e <= x.high; ++e) {
    const double at = x.at(std::pow(10, e));
    out += line(at, top, at, height - bottom, grid) +
           text(at, height - bottom + 18, "middle", fmt::format("{:g}", std::pow(10, e)));
  }
  for (double e = y.low; e <= y.high; ++e) {
    const double at = y.at(std::pow(10, e));
    out += line(left, at, width - right, at, grid) +
           text(left - 8, at + 4, "end", cards::to_text(flops_per_second(std::pow(10, e)), 3));
  }
  out += text((left + width - right) / 2, height - 12, "middle", "arithmetic intensity, FLOP/B");

  // The slanted roof, up to the highest peak, and a flat one for each distinct peak.
  double highest = bandwidth;
  for (const auto& [_, p] : peaks) highest = std::max(highest, p);
  const double x0 = std::pow(10, x.low), y0 = std::max(x0 * bandwidth, std::pow(10, y.low));
  const std::string roof = "stroke=\"currentColor\" stroke-width=\"1.5\"";
  out += line(x.at(y0 / bandwidth), y.at(y0), x.at(highest / bandwidth), y.at(highest), roof);
  const double mid = std::sqrt(y0 * highest);
  const double slope =
      std::atan2(y.at(highest) - y.at(y0), x.at(highest / bandwidth) - x.at(y0 / bandwidth)) * 180 /
      M_PI;
  const double mx = x.at(mid / bandwidth), my = y.at(mid) - 7;
  out += text(mx, my, "middle", "memory " + cards::to_text(m.memory_bandwidth->value, 3),
              fmt::format(" transform=\"rotate({:.1f} {:.1f} {:.1f})\"", slope, mx, my));
  std::map<double, std::string> flat;
  for (const auto& [f, p] : peaks) flat[p] += (flat[p].empty() ? "" : ", ") + f;
  double last_label = 1e9;
  for (auto it = flat.rbegin(); it != flat.rend(); ++it) {
    const double at = y.at(it->first);
    out += line(x.at(it->first / bandwidth), at, width - right, at, roof);
    const double label = std::min(std::max(at + 4, last_label > 1e8 ? 0 : last_label + 14), height);
    out += text(width - right + 6, label, "start",
                it->second + " " + cards::to_text(flops_per_second(it->first), 3));
    last_label = label;
  }
  for (const auto& p : points) {
    const std::string c = colour(p.series);
    out +=
        fmt::format("<g fill=\"{0}\" stroke=\"{0}\"><title>{1} {2}: {3} at {4:.3g} FLOP/B</title>",
                    c, escape(p.series), escape(p.label),
                    cards::to_text(flops_per_second(p.rate), 3), p.intensity);
    out +=
        line(x.at(p.intensity), y.at(p.low), x.at(p.intensity), y.at(p.high), "stroke-width=\"1\"");
    out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill-opacity=\"0.7\"/></g>\n",
                       x.at(p.intensity), y.at(p.rate));
  }
  double key = height - bottom - 12;
  for (auto it = colours.rbegin(); it != colours.rend(); ++it) {
    if (std::none_of(points.begin(), points.end(),
                     [&](const auto& p) { return p.series == it->first; }))
      continue;
    out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\"/>\n",
                       width - right - 66, key - 4, it->second);
    out += text(width - right - 56, key, "start", it->first);
    key -= 16;
  }
  return out + "</svg>\n";
}

}  // namespace limen::report
