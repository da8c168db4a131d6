#include "report/curves.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "model/cards/units.hpp"
#include "report/parameters.hpp"
#include "results/statistics.hpp"

namespace limen::report {
namespace {

using namespace model;

// The laws after the points, so that their names have the second choice of places.
void add_series(Chart& chart, std::map<std::string, Series> measured, Series::Join join,
                std::vector<Series> laws) {
  int hue = 0;
  for (auto& [name, s] : measured) {
    s.name = name;
    s.join = join;
    s.hue = hue++;
    std::stable_sort(s.marks.begin(), s.marks.end(),
                     [](const Mark& a, const Mark& b) { return a.at.x < b.at.x; });
    s.named_at = s.marks.size() / 2;
    chart.series.push_back(std::move(s));
  }
  for (auto& law : laws) chart.series.push_back(std::move(law));
}

// f(x) from `first` to `last`, named in its middle.
template <class F>
Series law(std::string name, double first, double last, F&& f) {
  constexpr int pieces = 24;
  Series s{std::move(name), ink, Series::Join::dashed, Series::Show::nothing, {}, pieces / 2};
  for (int i = 0; i <= pieces; ++i) {
    const double x = first * std::pow(last / first, double(i) / pieces);
    s.marks.push_back({{x, f(x)}});
  }
  return s;
}

const results::Samples* samples_of(const results::Measurement& m) {
  const auto* s = std::get_if<results::Samples>(&m.outcome);
  return s && !s->visits.empty() ? s : nullptr;
}

}  // namespace

Chart bandwidth_curve(const std::vector<results::Measurement>& measurements,
                      const Machine& fitted) {
  Chart chart;
  chart.title = "Bandwidth of " + fitted.name + " by working set";
  chart.interval = "95\u00a0% intervals of medians";
  chart.x = {"working set", "B", bytes_text};
  chart.y = {"bandwidth", "B/s", bandwidth_text};
  std::int64_t most = 0;
  for (const auto& m : measurements)
    if (m.probe == "memory.stream") most = std::max(most, integer(m.parameters, "threads"));
  std::map<std::string, Series> measured;
  double first = INFINITY, last = 0;
  for (const auto& m : measurements) {
    const auto* samples = samples_of(m);
    if (m.probe != "memory.stream" || !samples) continue;
    const std::string kernel = word(m.parameters, "kernel");
    const auto threads = integer(m.parameters, "threads");
    if (kernel != "read" && threads != most) continue;
    const auto s = results::summarize(*samples);
    const double moved = m.work.moved().in(bytes);
    const double size = double(integer(m.parameters, "bytes"));
    Mark mark{{size, moved / s.median}};
    mark.low.y = moved / s.drawn().high, mark.high.y = moved / s.drawn().low;
    mark.note = fmt::format("{}, {} threads, {}: {}", kernel, threads, bytes_text(size),
                            bandwidth_text(mark.at.y));
    first = std::min(first, size), last = std::max(last, size);
    measured[threads == 1 ? kernel + ", 1 thread" : fmt::format("{}, {} threads", kernel, threads)]
        .marks.push_back(std::move(mark));
  }
  std::vector<Series> laws;
  double from = first;
  for (const auto& level : fitted.levels) {
    if (level.threads != most || measured.empty()) continue;
    const double to = level.capacity ? level.capacity->in(bytes) : last;
    const double b = level.bandwidth.value.in(bytes_per_second);
    const double fixed = level.fixed ? level.fixed->value.in(seconds) : 0;
    if (to > from)
      laws.push_back(law(level.name + " " + bandwidth_text(b), from, to,
                         [&](double size) { return size / (fixed + size / b); }));
    from = std::max(from, to);
    chart.description += fmt::format("{}: {}. ", level.name, bandwidth_text(b));
  }
  if (!laws.empty()) chart.subtitle = "dashed: the levels as fitted";
  add_series(chart, std::move(measured), Series::Join::line, std::move(laws));
  return chart;
}

Chart all_reduce_curve(const std::vector<results::Measurement>& measurements,
                       const Machine& fitted) {
  Chart chart;
  chart.title = "All-reduce of " + fitted.name + " by size";
  chart.interval = "95\u00a0% intervals of medians";
  chart.x = {"size of the vector", "B", bytes_text};
  chart.y = {"time", "s", seconds_text};
  std::map<std::string, Series> measured;
  double last = 0, first = INFINITY;
  for (const auto& m : measurements) {
    const auto* samples = samples_of(m);
    const bool devices = m.probe == "gpu.allreduce";
    if ((m.probe != "mpi.allreduce" && !devices) || !samples) continue;
    const auto s = results::summarize(*samples);
    const double size = double(integer(m.parameters, "bytes"));
    Mark mark{{size, s.median}};
    mark.low.y = s.drawn().low, mark.high.y = s.drawn().high;
    mark.note = bytes_text(size) + ": " + seconds_text(s.median);
    if (size > 0) first = std::min(first, size), last = std::max(last, size);
    const auto ranks = integer(m.parameters, "ranks");
    measured[fmt::format("{} {}", ranks, devices ? "devices" : "ranks")].marks.push_back(
        std::move(mark));
  }
  std::vector<Series> laws;
  const auto& pieces = fitted.all_reduce;
  for (std::size_t i = 0; i < pieces.size() && !measured.empty(); ++i) {
    const auto& p = pieces[i];
    const bool ends = i + 1 < pieces.size() && pieces[i + 1].ranks == p.ranks;
    const double from = std::max(first, p.from.in(bytes));
    const double to = ends ? pieces[i + 1].from.in(bytes) : last;
    const double alpha = p.alpha.value.in(seconds), beta = p.beta.value.in(seconds_per_byte);
    const std::string name = fmt::format("{} ranks: {} + {}", p.ranks, seconds_text(alpha),
                                         cards::to_text(p.beta.value, 3));
    if (to > from)
      laws.push_back(law(name, from, to, [&](double size) { return alpha + beta * size; }));
    chart.description += name + ". ";
  }
  if (!laws.empty()) chart.subtitle = "dashed: as fitted";
  add_series(chart, std::move(measured), Series::Join::none, std::move(laws));
  return chart;
}

}  // namespace limen::report
