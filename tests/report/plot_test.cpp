// Charts and bars as they are drawn: what is where, what is read, and that nothing in the data can
// do more than be read.
#include "report/plot.hpp"

#include <algorithm>
#include <regex>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "report/plot_axis.hpp"
#include "report/plot_labels.hpp"
#include "report/printable.hpp"

namespace limen::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string hostile = "<script>alert(1)</script>\"'&\x1b[31m\x01\xff\xe2\x80\xae";

Chart chart_of(std::vector<Mark> marks) {
  Chart c;
  c.title = "A title";
  c.x = {"across", "B", bytes_text};
  c.y = {"up", "tokens/s", nullptr};
  c.series.push_back({"the series", 0, Series::Join::line});
  c.series.back().marks = std::move(marks);
  return c;
}

Bars bars_of(std::vector<Bar> bars) {
  Bars b;
  b.title = "A title";
  b.axis = {"time per token", "s", seconds_text};
  b.bound = "ideal limit";
  b.parts = {"memory", "compute", "exchanges"};
  b.bars = std::move(bars);
  return b;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

// The places of circles: the glyph of hue 0.
std::vector<Spot> circles(const std::string& svg) {
  static const std::regex circle("<circle cx=\"([-0-9.]+)\" cy=\"([-0-9.]+)\" r=\"3.9\"");
  std::vector<Spot> out;
  for (std::sregex_iterator i(svg.begin(), svg.end(), circle), end; i != end; ++i)
    out.push_back({std::stod((*i)[1]), std::stod((*i)[2])});
  return out;
}

struct Words {
  double x, y;
  std::string anchor, text;
};
std::vector<Words> words_in(const std::string& svg) {
  static const std::regex text(
      "<text x=\"([-0-9.]+)\" y=\"([-0-9.]+)\" text-anchor=\"([a-z]+)\"[^>]*>([^<]*)</text>");
  std::vector<Words> out;
  for (std::sregex_iterator i(svg.begin(), svg.end(), text), end; i != end; ++i)
    out.push_back({std::stod((*i)[1]), std::stod((*i)[2]), (*i)[3], (*i)[4]});
  return out;
}
const Words* find(const std::vector<Words>& all, const std::string& text) {
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const Words& w) { return w.text == text; });
  return at == all.end() ? nullptr : &*at;
}

// What a strict reader of XML would refuse first: tags that do not match, stray characters.
void expect_well_formed(const std::string& svg) {
  std::vector<std::string> open;
  static const std::regex tag("<(/?)([a-z]+)([^<>]*?)(/?)>");
  for (std::sregex_iterator i(svg.begin(), svg.end(), tag), end; i != end; ++i) {
    const std::string name = (*i)[2];
    if ((*i)[4] == "/") continue;
    if ((*i)[1] == "") {
      open.push_back(name);
    } else {
      ASSERT_FALSE(open.empty());
      EXPECT_EQ(open.back(), name);
      open.pop_back();
    }
  }
  EXPECT_TRUE(open.empty());
  const std::string rest = std::regex_replace(svg, tag, "");
  EXPECT_EQ(rest.find('<'), std::string::npos);
  static const std::regex bare("&(?!amp;|lt;|gt;|quot;|#39;)");
  EXPECT_FALSE(std::regex_search(svg, bare));
  for (unsigned char c : svg) EXPECT_TRUE(c >= 0x20 || c == '\n');
}

void expect_80_columns(const std::string& text) {
  for (const auto& line : lines_of(text)) EXPECT_LE(columns(line), 80) << line;
}

TEST(Plot, PointsStandWhereTheTicksSay) {
  const std::string svg = to_svg(chart_of({{{1e3, 10}}, {{1e4, 100}}, {{1e6, 1000}}}));
  const auto at = circles(svg);
  ASSERT_EQ(at.size(), 3u);
  const auto words = words_in(svg);
  const auto* kilo = find(words, "1 kB");
  const auto* mega = find(words, "1 MB");
  const auto* hundred = find(words, "100");
  ASSERT_TRUE(kilo && mega && hundred);
  EXPECT_NEAR(at[0].x, kilo->x, 0.15);
  EXPECT_NEAR(at[2].x, mega->x, 0.15);
  EXPECT_NEAR(at[1].y, hundred->y - 4, 0.15);  // words hang on their baseline
  // Decades are as wide as one another, and up is more.
  EXPECT_NEAR(at[2].x - at[1].x, 2 * (at[1].x - at[0].x), 0.3);
  EXPECT_NEAR(at[0].y - at[1].y, at[1].y - at[2].y, 0.3);
  EXPECT_GT(at[0].y, at[1].y);
}

TEST(Plot, TheSameDescriptionGivesTheSameBytes) {
  const auto chart = chart_of({{{1, 10}, "one"}, {{3, 7}, "two"}});
  EXPECT_EQ(to_svg(chart), to_svg(chart));
  EXPECT_EQ(to_terminal(chart, true), to_terminal(chart, true));
  const auto bars = bars_of({{"a", {1, 2, 3}}});
  EXPECT_EQ(to_svg(bars), to_svg(bars));
}

TEST(Plot, NamesAxesAndUnitsAreThere) {
  const auto chart = chart_of({{{1, 10}, "first"}, {{100, 70}, "last"}});
  for (const auto& drawn : {to_svg(chart), to_terminal(chart, false)}) {
    EXPECT_THAT(drawn, HasSubstr("A title"));
    EXPECT_THAT(drawn, HasSubstr("the series"));
    EXPECT_THAT(drawn, HasSubstr("last"));
    EXPECT_THAT(drawn, HasSubstr("across"));
    EXPECT_THAT(drawn, HasSubstr("up, tokens/s"));
    EXPECT_THAT(drawn, HasSubstr("100 B"));
  }
}

TEST(Plot, TheSvgReadsItselfOutAndKnowsTheDark) {
  auto chart = chart_of({{{1, 10}}});
  chart.description = "What it shows";
  const std::string svg = to_svg(chart);
  EXPECT_THAT(svg, HasSubstr("role=\"img\""));
  EXPECT_THAT(svg, HasSubstr("<title>A title</title>"));
  EXPECT_THAT(svg, HasSubstr("<desc>What it shows</desc>"));
  EXPECT_THAT(svg, HasSubstr("prefers-color-scheme:dark"));
  EXPECT_THAT(svg, Not(HasSubstr("http://www.w3.org/1999")));
  EXPECT_THAT(svg, Not(HasSubstr("url(")));
}

TEST(Plot, LabelsDoNotCollide) {
  std::vector<Mark> marks;
  for (int i = 0; i < 12; ++i)
    marks.push_back({{std::pow(1.12, i), std::pow(1.05, i)}, "label " + std::to_string(i)});
  const std::string svg = to_svg(chart_of(marks));
  std::vector<Box> boxes;
  for (const auto& w : words_in(svg)) {
    const double width = 5 * double(w.text.size());  // less than it is
    const double left = w.anchor == "start" ? w.x
                        : w.anchor == "end" ? w.x - width
                                            : w.x - width / 2;
    boxes.push_back({left, w.y - 9, left + width, w.y});
  }
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) EXPECT_EQ(boxes[i].overlap(boxes[k]), 0);
    for (const auto& c : circles(svg))
      EXPECT_EQ(boxes[i].overlap({c.x - 3, c.y - 3, c.x + 3, c.y + 3}), 0);
    EXPECT_GE(boxes[i].left, 0);
    EXPECT_LE(boxes[i].right, 720);
  }
}

TEST(Plot, ANameWithoutRoomBesideItsMarksGoesBelow) {
  Chart chart = chart_of({});
  chart.series.clear();
  for (int i = 0; i < 60; ++i) {
    Series s{"a name of some length, number " + std::to_string(i), i};
    s.marks = {{{1 + i * 1e-3, 1}}};
    chart.series.push_back(s);
  }
  const auto words = words_in(to_svg(chart));
  for (const auto& s : chart.series) EXPECT_NE(find(words, s.name), nullptr) << s.name;
  expect_80_columns(to_terminal(chart, false));
}

TEST(Plot, HostileTextIsOnlyText) {
  Chart chart = chart_of({{{1, 10}, hostile, hostile}, {{2, 3}, hostile, hostile}});
  chart.title = chart.subtitle = chart.description = chart.series[0].name = hostile;
  Bars bars = bars_of({{hostile, {1, 2, 3}}, {hostile, {}, NAN, NAN, NAN, hostile}});
  bars.title = bars.subtitle = bars.description = bars.parts[0] = bars.bound = hostile;
  for (const auto& svg : {to_svg(chart), to_svg(bars)}) {
    expect_well_formed(svg);
    EXPECT_THAT(svg, Not(HasSubstr("<script")));
    EXPECT_THAT(svg, HasSubstr("&lt;script&gt;"));
  }
  for (const auto& drawn : {to_terminal(chart, false), to_terminal(bars, false)}) {
    expect_80_columns(drawn);
    EXPECT_THAT(drawn, Not(HasSubstr("\x1b")));
    EXPECT_THAT(drawn, Not(HasSubstr("\x01")));
    EXPECT_THAT(drawn, Not(HasSubstr("\xe2\x80\xae")));
  }
  for (const auto& text : {to_json(chart), to_json(bars)})
    EXPECT_THAT(nlohmann::json::parse(text).at("title").get<std::string>(), HasSubstr("<script>"));
}

TEST(Plot, EightyColumnsWhateverTheNames) {
  const std::string long_name(300, 'x');
  std::string wide;
  for (int i = 0; i < 60; ++i) wide += "机器";
  for (const auto& name : {long_name, wide}) {
    Chart chart = chart_of({{{1, 10}, name}, {{20, 1000}, name}});
    chart.title = chart.subtitle = chart.series[0].name = chart.x.name = chart.y.name = name;
    Bars bars = bars_of({{name, {1, 2, 3}, 5, 7, 4}, {name, {}, NAN, NAN, NAN, name}});
    bars.title = bars.subtitle = bars.parts[1] = bars.axis.name = bars.bound = name;
    expect_80_columns(to_terminal(chart, false));
    expect_80_columns(to_terminal(bars, false));
    expect_well_formed(to_svg(chart));
    expect_well_formed(to_svg(bars));
  }
}

TEST(Plot, ColourAddsEscapeSequencesAndNothingElse) {
  const auto strip = [](const std::string& text) {
    return std::regex_replace(text, std::regex("\x1b\\[[0-9;]*m"), "");
  };
  const auto chart = chart_of({{{1, 10}}, {{3, 30}}});
  const auto bars = bars_of({{"a", {1, 2, 3}}});
  EXPECT_THAT(to_terminal(chart, true), HasSubstr("\x1b[38;5;"));
  EXPECT_EQ(strip(to_terminal(chart, true)), to_terminal(chart, false));
  EXPECT_EQ(strip(to_terminal(bars, true)), to_terminal(bars, false));
}

TEST(Plot, OnePointNoPointHugeAndTiny) {
  for (const auto& marks : std::vector<std::vector<Mark>>{{{{5, 5}}},
                                                          {},
                                                          {{{1e-300, 1e-300}}, {{1e300, 1e300}}},
                                                          {{{5e-324, 1}}},
                                                          {{{1, 1e9}}, {{1, 1e9}}},
                                                          {{{1, 1.0000001}}, {{1, 1.0000002}}}}) {
    const auto chart = chart_of(marks);
    const std::string svg = to_svg(chart);
    expect_well_formed(svg);
    EXPECT_THAT(svg, Not(HasSubstr("nan")));
    EXPECT_THAT(svg, Not(HasSubstr("inf")));
    EXPECT_EQ(circles(svg).size(), marks.size());
    for (const auto& c : circles(svg)) {
      EXPECT_GE(c.x, 0);
      EXPECT_LE(c.x, 720);
    }
    expect_80_columns(to_terminal(chart, false));
  }
}

TEST(Plot, WhatALogarithmCannotShowIsLeftOut) {
  const auto chart = chart_of({{{0, 5}}, {{-1, 5}}, {{INFINITY, 5}}, {{1, NAN}}, {{2, 5}}});
  EXPECT_EQ(circles(to_svg(chart)).size(), 1u);
  EXPECT_TRUE(nlohmann::json::parse(to_json(chart))["series"][0]["points"][2]["x"].is_null());
}

TEST(Plot, GlyphsTellSeriesApartWithoutColour) {
  Chart chart = chart_of({{{1, 1}}});
  for (int hue = 1; hue < 6; ++hue) {
    chart.series.push_back({"more " + std::to_string(hue), hue});
    chart.series.back().marks = {{{std::pow(10, hue), 1}}};
  }
  const std::string drawn = to_terminal(chart, false);
  for (const char* glyph : {"●", "▲", "■", "◆", "▼", "✚"}) EXPECT_THAT(drawn, HasSubstr(glyph));
}

TEST(Plot, BarsAreAsLongAsTheirValues) {
  const std::string svg = to_svg(bars_of({{"a", {1e-3, 2e-3, 0}}, {"b", {0, 0, 6e-3}}}));
  static const std::regex part(
      "<title>([a-z]+): [^<]*</title><rect x=\"([0-9.]+)\" y=\"[0-9.]+\" width=\"([0-9.]+)\"|"
      "<title>([a-z]+): [^<]*</title>\n?<rect x=\"([0-9.]+)\" y=\"[0-9.]+\" width=\"([0-9.]+)\"");
  std::vector<std::pair<std::string, double>> widths;
  for (std::sregex_iterator i(svg.begin(), svg.end(), part), end; i != end; ++i)
    widths.emplace_back((*i)[1], std::stod((*i)[3]));
  ASSERT_EQ(widths.size(), 3u);  // a part of no time is not there
  EXPECT_EQ(widths[0].first, "memory");
  EXPECT_EQ(widths[2].first, "exchanges");
  EXPECT_NEAR(widths[1].second / widths[0].second, 2, 0.02);
  EXPECT_NEAR(widths[2].second / widths[0].second, 6, 0.06);
}

TEST(Plot, BarsSayTotalsIntervalsAndWhatDoesNotFit) {
  const auto bars = bars_of({{"small", {1e-3, 2e-3, 0}, 2.5e-3, 4e-3, 2e-3},
                             {"large", {}, NAN, NAN, NAN, "does not fit: needs 40 GB"}});
  for (const auto& drawn : {to_svg(bars), to_terminal(bars, false)}) {
    EXPECT_THAT(drawn, HasSubstr("3 ms [2.5 ms, 4 ms]"));
    EXPECT_THAT(drawn, HasSubstr("does not fit: needs 40 GB"));
    EXPECT_THAT(drawn, HasSubstr("memory"));
    EXPECT_THAT(drawn, HasSubstr("compute"));
    EXPECT_THAT(drawn, HasSubstr("ideal limit"));
    EXPECT_THAT(drawn, Not(HasSubstr("exchanges")));  // nobody has any
  }
}

TEST(Plot, NoBarsAndBarsOfNothing) {
  for (const auto& bars : {bars_of({}), bars_of({{"zero", {0, 0, 0}}}),
                           bars_of({{"none", {}, NAN, NAN, NAN, "does not fit"}})}) {
    expect_well_formed(to_svg(bars));
    EXPECT_THAT(to_svg(bars), Not(HasSubstr("nan")));
    expect_80_columns(to_terminal(bars, false));
  }
}

TEST(Plot, TerminalBarsHaveTheirSharesOfTheLine) {
  const std::string drawn = to_terminal(bars_of({{"a", {3, 1, 0}}}), false);
  const auto lines = lines_of(drawn);
  const auto bar = std::find_if(lines.begin(), lines.end(),
                                [](const std::string& l) { return l.rfind("a ", 0) == 0; });
  ASSERT_NE(bar, lines.end());
  const auto all = characters(*bar);
  const auto count = [&](const char* c) { return std::count(all.begin(), all.end(), c); };
  EXPECT_NEAR(double(count("█")) / double(count("░")), 3, 0.15);
}

TEST(Plot, TicksAreRoundAndFew) {
  const auto texts = [](double low, double high, int most) {
    std::vector<std::string> out;
    for (const auto& t : ticks_of({low, high, true}, {}, most)) out.push_back(t.text);
    return out;
  };
  EXPECT_THAT(texts(1, 100, 12), ElementsAre("1", "2", "5", "10", "20", "50", "100"));
  EXPECT_THAT(texts(1, 1000, 8), ElementsAre("1", "3", "10", "30", "100", "300", "1000"));
  EXPECT_THAT(texts(0.5, 2e4, 6), ElementsAre("1", "10", "100", "1000", "10000"));
  EXPECT_THAT(texts(2, 4, 5), ElementsAre("2", "2.5", "3", "3.5", "4"));
  EXPECT_LE(texts(1e-300, 1e300, 8).size(), 9u);
  EXPECT_GE(texts(1e-300, 1e300, 8).size(), 2u);
}

TEST(Plot, WordsAreBrokenAtBlanks) {
  EXPECT_THAT(wrapped("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrapped("abcdefgh", 3), ElementsAre("abc", "def", "gh"));
  EXPECT_THAT(wrapped("", 3), ElementsAre());
  EXPECT_EQ(shortened("abcdef", 4), "abc…");
  EXPECT_EQ(shortened("abcd", 4), "abcd");
}

TEST(Plot, PrintableTextStaysAsItIs) {
  EXPECT_EQ(printable("naïve 机器 → 1"), "naïve 机器 → 1");
  EXPECT_EQ(printable("a\x1b[2Jb\tc\xc0\xaf"
                      "d"),
            "a?[2Jb?c??d");
  EXPECT_EQ(printable("\xe2\x80\xae"), "?");    // right-to-left override
  EXPECT_EQ(printable("\xed\xa0\x80"), "???");  // half of a surrogate pair
  EXPECT_EQ(printable("\xf4\x90\x80\x80\xe2"), "?????");
}

}  // namespace
}  // namespace limen::report
