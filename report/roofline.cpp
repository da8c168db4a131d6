#include "report/roofline.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "model/tiers.hpp"
#include "report/case_words.hpp"
#include "report/parameters.hpp"
#include "report/plot_axis.hpp"
#include "results/statistics.hpp"

namespace limen::report {
namespace {

using namespace model;

struct Roof {
  std::string name;
  double value;  // bytes/s or FLOP/s
};

std::vector<Roof> memory_roofs(const Machine& m) {
  std::vector<Roof> out;
  const auto add = [&](const char* of, const Parameter<BytesPerSecond>& b) {
    const double v = b.value.in(bytes_per_second);
    out.push_back({fmt::format("{} {}", of, bandwidth_text(v)), v});
  };
  if (has_sram(m)) add("SRAM", *m.sram_bandwidth);
  add("memory", *m.memory_bandwidth);
  if (has_host(m)) add("host memory", *m.host_bandwidth);
  return out;
}

// Formats that reach the same peak share a roof.
std::vector<Roof> compute_roofs(const Machine& m) {
  std::map<double, std::string> names;
  for (Format f : formats) {
    if (const auto& p = m.compute[static_cast<int>(f)]) {
      std::string& known = names[p->value.in(flops_per_second)];
      known += (known.empty() ? "" : ", ") + std::string(name(f));
    }
  }
  std::vector<Roof> out;
  for (const auto& [v, formats_of] : names)
    out.push_back({fmt::format("{} {}", formats_of, flops_text(v)), v});
  return out;
}

// What the marks span; the rate down to what memory gives at the lowest intensity.
struct Span {
  double low = INFINITY, high = 0;
  void hold(double v) {
    if (drawable(v)) low = std::min(low, v), high = std::max(high, v);
  }
};

void add_roofs(Chart& chart, const Machine& m) {
  const auto memory = memory_roofs(m), compute = compute_roofs(m);
  Span x, y;
  for (const auto& s : chart.series) {
    for (const auto& mark : s.marks)
      x.hold(mark.at.x), y.hold(mark.low.y), y.hold(mark.high.y), y.hold(mark.at.y);
  }
  if (chart.series.empty()) x.hold(1);
  for (const auto& roof : compute) {
    y.hold(roof.value);
    for (const auto& b : memory) x.hold(roof.value / b.value);
  }
  const double slowest = memory.back().value, fastest = memory.front().value;
  x = {x.low / 3, x.high * 8};
  y.hold(slowest * x.low);
  const double top = compute.empty() ? fastest * x.high : compute.back().value;
  y.hold(top);
  chart.x.low = x.low, chart.x.high = x.high;
  chart.y.low = y.low / 1.3, chart.y.high = y.high * 1.8;

  std::vector<Series> roofs;
  for (const auto& b : memory) {
    const double first = std::max(x.low, chart.y.low / b.value), last = top / b.value;
    // Named in the lower half, where no other roof is.
    const double middle = std::pow(first, 0.6) * std::pow(last, 0.4);
    Series s{b.name, ink, Series::Join::line, Series::Show::nothing, {}, 1};
    for (double at : {first, middle, last}) s.marks.push_back({{at, at * b.value}});
    roofs.push_back(std::move(s));
  }
  for (const auto& c : compute) {
    Series s{c.name, ink, Series::Join::line, Series::Show::nothing, {}, 1};
    for (double at : {c.value / fastest, x.high}) s.marks.push_back({{at, c.value}});
    roofs.push_back(std::move(s));
  }
  chart.series.insert(chart.series.begin(), roofs.begin(), roofs.end());
}

void add_measured(Chart& chart, const std::vector<RooflinePoint>& points, int& hue) {
  std::map<std::string, Series> by_format;
  for (const auto& p : points) {
    Mark m{{p.intensity, p.rate}};
    m.note = fmt::format("{} {}: {} at {:.3g} FLOP/B", p.series, p.label, flops_text(p.rate),
                         p.intensity);
    m.low.y = p.low, m.high.y = p.high;
    by_format[p.series].marks.push_back(std::move(m));
  }
  for (auto& [format, s] : by_format) {
    s.name = "measured, " + format;
    s.hue = hue++;
    std::stable_sort(s.marks.begin(), s.marks.end(),
                     [](const Mark& a, const Mark& b) { return a.at.x < b.at.x; });
    s.named_at = s.marks.size() - 1;
    chart.series.push_back(std::move(s));
  }
}

// A series for each operator and the whole step; along it only the batch changes.
void add_steps(Chart& chart, const std::vector<PlottedCase>& cases, int& hue) {
  std::vector<PredictedCase> predicted;
  for (const auto& c : cases) predicted.push_back(c.predicted);
  const CaseWords words(predicted);
  chart.subtitle = words.common();
  std::vector<Series> all;
  std::map<std::string, int> hue_of;  // the same operator looks the same in all cases
  std::size_t unfit = 0;
  const auto add = [&](const std::string& part, const PlottedCase& c, double work, double moved,
                       double time) -> Mark& {
    const std::string apart = words.of(c.predicted, {Fact::batch});
    const std::string series = part + (apart.empty() ? "" : ", " + apart);
    auto at =
        std::find_if(all.begin(), all.end(), [&](const Series& s) { return s.name == series; });
    if (at == all.end()) {
      const auto [known, first] = hue_of.emplace(part, hue);
      if (first) ++hue;
      all.push_back({series, known->second, Series::Join::line});
      at = all.end() - 1;
    }
    Mark m{{work / moved, work / time}};
    if (words.of(c.predicted) != apart) m.label = words_of(c.predicted, Fact::batch);
    m.note = fmt::format("{}, {}: {} at {:.3g} FLOP/B", series, words_of(c.predicted, Fact::batch),
                         flops_text(work / time), work / moved);
    at->marks.push_back(std::move(m));
    return at->marks.back();
  };
  for (const auto& c : cases) {
    const auto& p = c.predicted.prediction;
    if (!p.fits) {
      ++unfit;
      continue;
    }
    double work = 0, moved = 0;
    for (const auto& part : c.parts) {
      work += part.flops, moved += part.bytes;
      add(part.name, c, part.flops, part.bytes, part.seconds);
    }
    const double tokens = p.tokens_per_step;
    Mark& step = add("whole step", c, work, moved, tokens / p.utps);
    step.low.y = work * p.utps_low / tokens, step.high.y = work * p.utps_high / tokens;
    chart.description +=
        fmt::format("{}: {} at {:.3g} FLOP/B; {} binds. ", words_of(c.predicted, Fact::batch),
                    flops_text(step.at.y), step.at.x, report::words(p.limits.binding));
  }
  if (unfit > 0) chart.subtitle += fmt::format("; {} of {} cases do not fit", unfit, cases.size());
  for (auto& s : all) {
    // Where the batch changes nothing it needs no mention.
    const Spot first = s.marks.front().at;
    if (std::all_of(s.marks.begin(), s.marks.end(), [&](const Mark& m) {
          return std::abs(m.at.x / first.x - 1) < 0.1 && std::abs(m.at.y / first.y - 1) < 0.1;
        })) {
      for (auto& m : s.marks) m.label.clear();
    }
    s.named_at = s.marks.size() - 1;
    chart.series.push_back(std::move(s));
  }
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
                   work / m.work.moved().in(bytes), work / s.median, work / s.drawn().high,
                   work / s.drawn().low});
  }
  return out;
}

Chart roofline(const Machine& m, const std::vector<RooflinePoint>& measured,
               const std::vector<PlottedCase>& cases) {
  Chart chart;
  chart.title = "Roofline of " + m.name;
  chart.interval = measured.empty() ? "90\u00a0% intervals"
                   : cases.empty()  ? "95\u00a0% intervals of medians"
                                   : "intervals, 95\u00a0% of medians and 90\u00a0% of predictions";
  chart.description = "Ceilings of memory and of compute";
  for (const auto& roofs : {memory_roofs(m), compute_roofs(m)})
    for (const auto& roof : roofs) chart.description += ", " + roof.name;
  chart.description += ". ";
  chart.x = {"arithmetic intensity", "FLOP/B", nullptr};
  chart.y = {"matrix products of a device", "FLOP/s", flops_text};
  int hue = 0;
  if (!cases.empty()) add_steps(chart, cases, hue);
  add_measured(chart, measured, hue);
  add_roofs(chart, m);
  return chart;
}

}  // namespace limen::report
