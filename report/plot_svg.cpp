#include "report/plot_svg.hpp"

#include <cmath>

#include <fmt/format.h>

#include "report/escape.hpp"
#include "report/printable.hpp"

namespace limen::report {
namespace {

// Hues are told apart by colour-blind eyes and stand out from the paper by 4.5 : 1 or more, so that
// they can be read as text. Those of bars (f) lie side by side and so differ in lightness, too;
// what is written on them is in `on`.
constexpr const char* style = R"(
.limen-plot{font-family:Helvetica,Arial,"Liberation Sans",sans-serif;font-variant-numeric:tabular-nums}
.limen-plot .paper{fill:#fff}
.limen-plot .ink{fill:#1c2128}.limen-plot .soft{fill:#59636e}
.limen-plot .strong{font-weight:600}
.limen-plot .halo{stroke:#fff;stroke-width:3;stroke-linejoin:round;paint-order:stroke}
.limen-plot .rule{stroke:#1c2128;stroke-width:1.4}.limen-plot .axis{stroke:#59636e}
.limen-plot .grid{stroke:#e3e6ea}.limen-plot .lead{stroke:#59636e;stroke-width:.7}
.limen-plot .bound{stroke:#1c2128;stroke-width:2}
.limen-plot .open{fill:none}.limen-plot .dash{stroke-dasharray:5 4}
.limen-plot .h0{fill:#0065a8}.limen-plot .l0{stroke:#0065a8}
.limen-plot .h1{fill:#bf4500}.limen-plot .l1{stroke:#bf4500}
.limen-plot .h2{fill:#00785a}.limen-plot .l2{stroke:#00785a}
.limen-plot .h3{fill:#a23e7f}.limen-plot .l3{stroke:#a23e7f}
.limen-plot .h4{fill:#8a6400}.limen-plot .l4{stroke:#8a6400}
.limen-plot .h5{fill:#5a5fa8}.limen-plot .l5{stroke:#5a5fa8}
.limen-plot .faint{fill-opacity:.45}
.limen-plot .series{stroke-width:1.6}.limen-plot .interval{stroke-width:1;stroke-opacity:.5}
.limen-plot .f0{fill:#1170b8}.limen-plot .f1{fill:#f2a65a}.limen-plot .f2{fill:#007f62}
.limen-plot .f3{fill:#e6b0d0}.limen-plot .f4{fill:#7e5ba6}.limen-plot .f5{fill:#c3c9d0}
.limen-plot .on0,.limen-plot .on2,.limen-plot .on4{fill:#fff}
.limen-plot .on1,.limen-plot .on3,.limen-plot .on5{fill:#1c2128}
@media (prefers-color-scheme:dark){
.limen-plot .paper{fill:#14181d}
.limen-plot .ink{fill:#e8ebef}.limen-plot .soft{fill:#a3adb8}
.limen-plot .halo{stroke:#14181d}
.limen-plot .rule{stroke:#e8ebef}.limen-plot .axis{stroke:#a3adb8}
.limen-plot .grid{stroke:#2b3138}.limen-plot .lead{stroke:#a3adb8}
.limen-plot .bound{stroke:#e8ebef}
.limen-plot .h0{fill:#62b5f2}.limen-plot .l0{stroke:#62b5f2}
.limen-plot .h1{fill:#f5915a}.limen-plot .l1{stroke:#f5915a}
.limen-plot .h2{fill:#3fcb9f}.limen-plot .l2{stroke:#3fcb9f}
.limen-plot .h3{fill:#e597c8}.limen-plot .l3{stroke:#e597c8}
.limen-plot .h4{fill:#e3bd52}.limen-plot .l4{stroke:#e3bd52}
.limen-plot .h5{fill:#aab0f5}.limen-plot .l5{stroke:#aab0f5}
}
)";

std::string harmless(std::string_view text) { return escape(printable(text)); }

}  // namespace

double text_width(std::string_view text, double size) {
  double ems = 0;
  for (const auto& c : characters(text)) {
    if (c.size() > 1) {
      ems += columns(c) > 1 ? 1.0 : 0.62;
    } else if (std::string_view("ijl.,:;'|!I ()[]ft/").find(c[0]) != std::string_view::npos) {
      ems += 0.33;
    } else if (std::string_view("mwMW%@").find(c[0]) != std::string_view::npos) {
      ems += 0.92;
    } else {
      ems += c[0] >= 'A' && c[0] <= 'Z' ? 0.72 : 0.57;
    }
  }
  return ems * size;
}

std::string hue_class(int hue) { return hue == ink ? "ink" : fmt::format("h{}", hue % hues); }

void Svg::text(double x, double y, At at, std::string_view words, std::string_view classes,
               double size) {
  constexpr const char* anchors[] = {"start", "middle", "end"};
  body_ += fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"{:g}\" class=\"{}\">{}"
      "</text>\n",
      x, y, anchors[static_cast<int>(at)], size, classes, harmless(words));
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view classes) {
  body_ +=
      fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n",
                  x1, y1, x2, y2, classes);
}

void Svg::polyline(const std::vector<Spot>& points, std::string_view classes) {
  body_ += "<polyline points=\"";
  for (const auto& p : points)
    body_ += fmt::format("{}{:.1f},{:.1f}", &p == points.data() ? "" : " ", p.x, p.y);
  body_ += fmt::format("\" class=\"{} open\"/>\n", classes);
}

void Svg::rectangle(const Box& b, std::string_view classes) {
  body_ += fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" class=\"{}\"/>\n", b.left,
      b.top, b.right - b.left, b.bottom - b.top, classes);
}

void Svg::glyph(double x, double y, int hue) {
  const bool hollow = hue == ink || hue / hues % 2 == 1;
  const std::string c = hue == ink ? "paper rule"
                        : hollow   ? fmt::format("paper l{} series", hue % hues)
                                   : hue_class(hue);
  // Areas alike; all about (0, 0).
  constexpr const char* shapes[] = {nullptr,
                                    "M0-4.8 4.6 3.4H-4.6Z",
                                    "M-3.5-3.5H3.5V3.5H-3.5Z",
                                    "M0-5 5 0 0 5-5 0Z",
                                    "M0 4.8 4.6-3.4H-4.6Z",
                                    "M-1.5-4.5H1.5V-1.5H4.5V1.5H1.5V4.5H-1.5V1.5H-4.5V-1.5H-1.5Z"};
  const char* shape = shapes[hue == ink ? 0 : hue % hues];
  if (shape == nullptr) {
    body_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.9\" class=\"{}\"/>\n", x, y, c);
  } else {
    body_ += fmt::format("<path transform=\"translate({:.1f} {:.1f})\" d=\"{}\" class=\"{}\"/>\n",
                         x, y, shape, c);
  }
}

void Svg::dot(double x, double y, int hue) {
  body_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"1.7\" class=\"{} faint\"/>\n", x, y,
                       hue_class(hue));
}

void Svg::open_group(std::string_view note) {
  body_ += "<g>";
  if (!note.empty()) body_ += fmt::format("<title>{}</title>", harmless(note));
}
void Svg::close_group() { body_ += "</g>\n"; }

double Svg::heading(std::string_view title, std::string_view subtitle) {
  constexpr double margin = 16;
  double y = 12;
  const auto lines = [&](const std::string& words, double size, std::string_view classes) {
    if (words.empty()) return;
    // As many columns as go into the line if all are as wide as the mean.
    const double each = text_width(words, size) / columns(words);
    for (const auto& line : wrapped(words, static_cast<int>((svg_width - 2 * margin) / each))) {
      y += std::round(size * 1.3);
      text(margin, y, At::start, line, classes, size);
    }
  };
  lines(printable(title), 15, "ink strong");
  lines(printable(subtitle), font_size, "soft");
  return y;
}

std::string Svg::finish(double height, std::string_view title, std::string_view description) const {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" role=\"img\" "
      "class=\"limen-plot\">\n<title>{2}</title>\n<desc>{3}</desc>\n"
      "<style>{4}</style>\n<rect width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "class=\"paper\"/>\n{5}</svg>\n",
      svg_width, height, harmless(title), harmless(description), style, body_);
}

}  // namespace limen::report
