// What a plot shows, for programs; and its values in words.
#include <nlohmann/json.hpp>

#include "model/cards/units.hpp"
#include "report/json_number.hpp"
#include "report/plot.hpp"
#include "report/printable.hpp"

namespace limen::report {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Axis& a) { return {{"name", a.name}, {"unit", a.unit}}; }
Json json_of(const Spot& s) { return {{"x", number(s.x)}, {"y", number(s.y)}}; }

}  // namespace

std::string to_json(const Chart& chart) {
  Json out{{"title", printable(chart.title)},
           {"subtitle", printable(chart.subtitle)},
           {"x", json_of(chart.x)},
           {"y", json_of(chart.y)},
           {"series", Json::array()}};
  for (const auto& s : chart.series) {
    Json one{{"name", printable(s.name)}, {"points", Json::array()}};
    for (const auto& m : s.marks) {
      Json point = json_of(m.at);
      if (m.low.x != m.high.x || m.low.y != m.high.y)
        point["low"] = json_of(m.low), point["high"] = json_of(m.high);
      if (!m.label.empty()) point["label"] = printable(m.label);
      one["points"].push_back(point);
    }
    out["series"].push_back(one);
  }
  return out.dump(1) + "\n";
}

std::string to_json(const Bars& bars) {
  Json out{{"title", printable(bars.title)},
           {"subtitle", printable(bars.subtitle)},
           {"values", json_of(bars.axis)},
           {"bars", Json::array()}};
  for (const auto& b : bars.bars) {
    Json one{{"label", printable(b.label)}};
    if (!b.instead.empty()) one["reason"] = printable(b.instead);
    for (std::size_t i = 0; i < b.values.size(); ++i)
      one["parts"][printable(bars.parts[i])] = number(b.values[i]);
    if (b.low < b.high) one["low"] = b.low, one["high"] = b.high;
    if (std::isfinite(b.bound)) one[printable(bars.bound)] = b.bound;
    out["bars"].push_back(one);
  }
  return out.dump(1) + "\n";
}

std::string flops_text(double v) { return cards::to_text(model::flops_per_second(v), 3); }
std::string bandwidth_text(double v) { return cards::to_text(model::bytes_per_second(v), 3); }
std::string seconds_text(double v) { return cards::to_text(model::seconds(v), 3); }
std::string bytes_text(double v) { return cards::to_text(model::bytes(v), 3); }

}  // namespace limen::report
