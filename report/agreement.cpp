#include "report/agreement.hpp"

#include <algorithm>
#include <map>

namespace limen::report {

Chart agreement(std::string title, std::string subtitle, const std::vector<Compared>& cases) {
  Chart chart;
  chart.title = std::move(title);
  chart.subtitle = chart.description = std::move(subtitle);
  chart.interval = "90\u00a0% intervals of the predictions";
  chart.x = {"predicted", "s", seconds_text};
  chart.y = {"measured", "s", seconds_text};
  std::map<std::string, Series> all;
  double least = INFINITY, most = 0;
  for (const auto& c : cases) {
    Mark m{{c.predicted, c.measured}, "", c.note};
    m.low.x = c.low, m.high.x = c.high;
    all[c.series].marks.push_back(std::move(m));
    least = std::min({least, c.low, c.predicted, c.measured});
    most = std::max({most, c.high, c.predicted, c.measured});
  }
  if (all.empty()) return chart;
  // One range for both, so that the line goes from corner to corner.
  chart.x.low = chart.y.low = least / 1.2;
  chart.x.high = chart.y.high = most * 1.2;
  Series equal{"measured as predicted", ink, Series::Join::line, Series::Show::nothing, {}, 1};
  for (double t : {chart.x.low, std::sqrt(least) * std::sqrt(most), chart.x.high})
    equal.marks.push_back({{t, t}});
  chart.series.push_back(std::move(equal));
  int hue = 0;
  for (auto& [name, s] : all) {
    s.name = name;
    s.hue = hue++;
    s.named_at = s.marks.size() / 2;
    chart.series.push_back(std::move(s));
  }
  return chart;
}

}  // namespace limen::report
