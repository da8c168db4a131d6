// Memory: levels from the sweep over sizes, the bandwidth of the last of them, latencies.
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "calibration/laws.hpp"
#include "calibration/segments.hpp"

namespace limen::calibration {

namespace {

// Sizes and times of one sweep, by size.
struct Sweep {
  Cases cases;
  std::vector<double> bytes, seconds;
};

Sweep sweep_of(Cases cases) {
  std::sort(cases.begin(), cases.end(), [](const Observation* a, const Observation* b) {
    return a->number("bytes") < b->number("bytes");
  });
  Sweep sweep{cases, {}, seconds_of(cases)};
  for (const Observation* o : cases) sweep.bytes.push_back(o->bytes());
  return sweep;
}

double relative_squares(const Sweep& s, double fixed, Segment range, double slope) {
  double sum = 0;
  for (std::size_t i = range.first; i <= range.last; ++i) {
    const double error = (fixed + slope * s.bytes[i]) / s.seconds[i] - 1;
    sum += error * error;
  }
  return sum;
}

// Seconds a byte on a range, once `fixed` is taken off; the median, so that one bad size is
// nothing.
double slope_of(const Sweep& s, double fixed, Segment range) {
  std::vector<double> slopes;
  for (std::size_t i = range.first; i <= range.last; ++i)
    slopes.push_back(std::max(s.seconds[i] - fixed, 1e-3 * s.seconds[i]) / s.bytes[i]);
  return results::median_of(std::move(slopes));
}

struct Levels {
  double fixed = 0;             // t0, the same on every level: what a pass costs to start
  std::vector<Segment> ranges;  // sizes on each level; those between two levels belong to none
};

// A piece that reaches over less than a factor of 2.5 of sizes, between a faster and a slower one,
// is a size that only partly fits, and not a level. Pieces of nearly one speed are one level, and
// so is one faster than the one before it.
std::vector<Segment> levels_among(const Sweep& s, double fixed, std::vector<Segment> pieces) {
  constexpr double distinct = 1.25, narrow = 2.5;
  constexpr std::size_t most_levels = 4;
  const auto speed = [&](Segment r) { return 1 / slope_of(s, fixed, r); };
  const auto reach = [&](Segment r) {  // halfway to the sizes on both sides
    return std::sqrt(s.bytes[r.last] * s.bytes[r.last + 1] /
                     (s.bytes[r.first] * s.bytes[r.first - 1]));
  };
  const std::vector<Segment> all = pieces;
  std::erase_if(pieces, [&](Segment r) {
    if (r.first == 0 || r.last + 1 == s.bytes.size() || reach(r) >= narrow) return false;
    const auto at =
        std::find_if(all.begin(), all.end(), [&](Segment x) { return x.first == r.first; });
    return speed(at[-1]) > speed(r) && speed(r) > speed(at[1]);
  });
  // The two most alike neighbours become one, until all are distinct and no more than memories have
  // levels.
  while (pieces.size() > 1) {
    const auto ratio = [&](std::size_t i) { return speed(pieces[i]) / speed(pieces[i + 1]); };
    std::size_t closest = 0;
    for (std::size_t i = 1; i + 1 < pieces.size(); ++i)
      if (ratio(i) < ratio(closest)) closest = i;
    if (ratio(closest) >= distinct && pieces.size() <= most_levels) break;
    pieces[closest].last = pieces[closest + 1].last;
    pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(closest + 1));
  }
  return pieces;
}

Levels find_levels(const Sweep& s) {
  constexpr std::size_t most_pieces = 7;  // four levels and what lies between them
  Levels best;
  double least = INFINITY;
  const double shortest = *std::min_element(s.seconds.begin(), s.seconds.end());
  for (double share : {0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5}) {
    const double fixed = share * shortest;
    const Cut cut = cut_by_bic(
        s.bytes.size(), {.most = most_pieces, .least_points = 1, .parameters = 1, .noise = 0.02},
        [&](std::size_t first, std::size_t last) {
          return relative_squares(s, fixed, {first, last}, slope_of(s, fixed, {first, last}));
        });
    const double bic = cut.bic + (share > 0 ? std::log(static_cast<double>(s.bytes.size())) : 0);
    if (bic < least) {
      least = bic;
      best = {fixed, levels_among(s, fixed, cut.segments)};
    }
  }
  return best;
}

std::string level_name(std::size_t i, std::size_t n) {
  return i + 1 == n ? "DRAM" : fmt::format("L{}", i + 1);
}

// The median latency of working sets that lie well within a level.
void add_latency(const Observations& observed, Draft& draft, model::MemoryLevel& level,
                 double above, double up_to) {
  Cases inside = observed.where("memory.latency", [&](const Observation& o) {
    return o.number("bytes") > above && o.number("bytes") <= up_to;
  });
  const Cases core = observed.where("memory.latency", [&](const Observation& o) {
    return o.number("bytes") >= 4 * above && 2 * o.number("bytes") <= up_to;
  });
  if (!core.empty()) inside = core;
  if (inside.empty()) return;
  const Estimate median = [](const std::vector<double>& t) {
    return std::vector<double>{results::median_of(t)};
  };
  level.latency = parameter(draft, model::seconds, median(seconds_of(inside))[0],
                            bootstrap(inside, median)[0], model::Evidence::measured);
}

void add_levels(const Observations& observed, Draft& draft, const Sweep& sweep,
                const Levels& levels, int threads) {
  std::vector<double> errors;
  double above = 0;
  for (std::size_t i = 0; i < levels.ranges.size(); ++i) {
    const Segment range = levels.ranges[i];
    const Cases inside(sweep.cases.begin() + static_cast<std::ptrdiff_t>(range.first),
                       sweep.cases.begin() + static_cast<std::ptrdiff_t>(range.last + 1));
    const Estimate rate = [&](const std::vector<double>& t) {
      Sweep part = sweep;
      std::copy(t.begin(), t.end(),
                part.seconds.begin() + static_cast<std::ptrdiff_t>(range.first));
      return std::vector<double>{1 / slope_of(part, levels.fixed, range)};
    };
    const double value = rate(seconds_of(inside))[0];
    model::MemoryLevel level;
    level.name = level_name(i, levels.ranges.size());
    level.threads = std::max(1, threads);  // an imported run may not say
    level.bandwidth = parameter(draft, model::bytes_per_second, value, bootstrap(inside, rate)[0],
                                model::Evidence::fitted);
    if (levels.fixed > 0)
      level.fixed = parameter(draft, model::seconds, levels.fixed, {levels.fixed, levels.fixed},
                              model::Evidence::fitted);
    double up_to = INFINITY;
    if (i + 1 < levels.ranges.size()) {
      up_to = std::sqrt(sweep.bytes[range.last] * sweep.bytes[levels.ranges[i + 1].first]);
      level.capacity = model::bytes(std::round(up_to));
    }
    if (threads == 1) add_latency(observed, draft, level, above, up_to);
    above = up_to;
    for (std::size_t k = range.first; k <= range.last; ++k)
      errors.push_back((levels.fixed + sweep.bytes[k] / value) / sweep.seconds[k] - 1);
    draft.machine.levels.push_back(std::move(level));
  }
  report_law(draft, fmt::format("memory.level at {} threads", threads), errors, {});
}

// memory.bandwidth: the best that working sets well beyond the last knee sustained over a visit;
// memory.efficiency: the usual of it.
void add_bandwidth(Draft& draft, const Sweep& sweep, const Levels& levels) {
  constexpr double beyond = 4;  // times the knee: less would still be served in part by the cache
  const Segment memory = levels.ranges.back();
  const double knee = memory.first > 0 ? sweep.bytes[memory.first - 1] : 0;
  Cases cases;
  for (std::size_t i = memory.first; i <= memory.last; ++i)
    if (sweep.bytes[i] >= beyond * knee) cases.push_back(sweep.cases[i]);
  if (cases.empty()) cases.push_back(sweep.cases.back());
  double best = 0;
  std::vector<double> usual;
  for (const Observation* o : cases) {
    best = std::max(best, o->bytes() / o->best);
    usual.push_back(o->bytes() / o->seconds);
  }
  const Estimate median_rate = [&](const std::vector<double>& t) {
    std::vector<double> rates;
    for (std::size_t i = 0; i < t.size(); ++i) rates.push_back(cases[i]->bytes() / t[i]);
    return std::vector<double>{results::median_of(rates)};
  };
  const double value = results::median_of(usual);
  const results::Interval interval = bootstrap(cases, median_rate)[0];
  // What is uncertain is how much of it is usual: that is the efficiency's interval, here and in
  // every law that is relative to this bandwidth. Counted in both it would count twice.
  draft.machine.memory_bandwidth =
      parameter(draft, model::bytes_per_second, best, {best, best}, model::Evidence::measured);
  draft.machine.memory_efficiency = parameter(
      draft, pure, value / best, {interval.low / best, std::min(1.0, interval.high / best)},
      model::Evidence::measured);
  if (levels.ranges.size() == 1)
    draft.machine.unidentified.emplace_back(
        "memory.level: the sweep shows no knee, so the largest working set may still have been in "
        "a cache");
}

}  // namespace

void fit_memory(const Observations& observed, Draft& draft) {
  const Cases reads =
      observed.where("memory.stream", [](const Observation& o) { return o.is("kernel", "read"); });
  if (reads.empty()) {
    draft.machine.unidentified.emplace_back(
        "memory.bandwidth: no memory.stream kernel=read was measured");
    return;
  }
  std::set<int> thread_counts;
  for (const Observation* o : reads) thread_counts.insert(static_cast<int>(o->number("threads")));
  for (int threads : thread_counts) {
    Cases cases;
    for (const Observation* o : reads)
      if (static_cast<int>(o->number("threads")) == threads && o->bytes() > 0) cases.push_back(o);
    if (cases.empty()) continue;
    const Sweep sweep = sweep_of(cases);
    const Levels levels = find_levels(sweep);
    add_levels(observed, draft, sweep, levels, threads);
    if (threads == *thread_counts.rbegin()) add_bandwidth(draft, sweep, levels);
  }
}

}  // namespace limen::calibration
