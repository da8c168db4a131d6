// The pen of the SVG drawings: shapes with classes, and a style sheet that gives the classes their
// colours in light and in dark. Rules instead of variables, which not every converter reads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/plot.hpp"
#include "report/plot_labels.hpp"

namespace limen::report {

inline constexpr double svg_width = 720;
inline constexpr double font_size = 12;
inline constexpr int hues = 6;  // further ones begin anew, with hollow glyphs

// Pixels that a text takes, rather too many: fonts differ.
double text_width(std::string_view text, double size = font_size);

class Svg {
 public:
  enum class At { start, middle, end };

  // `classes` are of the style sheet; hue_class() gives those of a hue.
  void text(double x, double y, At at, std::string_view words, std::string_view classes = "ink",
            double size = font_size);
  void line(double x1, double y1, double x2, double y2, std::string_view classes);
  void polyline(const std::vector<Spot>& points, std::string_view classes);
  void rectangle(const Box& box, std::string_view classes);
  // The glyph of a hue.
  void glyph(double x, double y, int hue);
  void dot(double x, double y, int hue);
  void open_group(std::string_view note);  // shown to who points at it; empty: none
  void close_group();
  // Title in bold and subtitle, broken into lines; where the next thing may begin.
  double heading(std::string_view title, std::string_view subtitle);

  std::string finish(double height, std::string_view title, std::string_view description) const;

 private:
  std::string body_;
};

std::string hue_class(int hue);

}  // namespace limen::report
