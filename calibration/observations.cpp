#include "calibration/observations.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/sweep/draws.hpp"
#include "results/text.hpp"

namespace limen::calibration {

using results::Run;
using results::Samples;
using results::Visit;

double Observation::number(const std::string& key) const {
  const auto found = parameters.find(key);
  if (found == parameters.end()) return 0;
  const auto* value = std::get_if<std::int64_t>(&found->second);
  return value ? static_cast<double>(*value) : 0;
}

std::string Observation::word(const std::string& key) const {
  const auto found = parameters.find(key);
  return found == parameters.end() ? "" : results::describe(found->second);
}

Cases Observations::of(const std::string& probe) const {
  return where(probe, [](const Observation&) { return true; });
}

double largest(const Cases& cases, const std::string& key) {
  double most = 0;
  for (const Observation* o : cases) most = std::max(most, o->number(key));
  return most;
}

std::vector<double> seconds_of(const Cases& cases) {
  std::vector<double> seconds;
  for (const Observation* o : cases) seconds.push_back(o->seconds);
  return seconds;
}

namespace {

// Why the samples say nothing about the machine, or nothing if they do.
std::string unfit(const Samples& samples) {
  for (const auto& [mark, why] : {std::pair{results::emulated, "measured on an emulated device"},
                                  {results::oversubscribed, "more ranks or threads than cores"}}) {
    std::size_t marked = 0, n = 0;
    for (const Visit& visit : samples.visits) {
      n += visit.seconds.size();
      for (std::uint32_t marks : visit.marks) marked += (marks & mark) != 0;
    }
    if (2 * marked > n) return why;
  }
  return "";
}

double median_time(const std::vector<const Visit*>& visits) {
  std::vector<double> seconds;
  for (const Visit* visit : visits)
    seconds.insert(seconds.end(), visit->seconds.begin(), visit->seconds.end());
  return results::median_of(std::move(seconds));
}

constexpr std::uint32_t disturbances =
    results::context_switch | results::stolen | results::late_start | results::placement_changed;

// Keeps the samples that `keep(visit, index)` wants; visits and runs that are left empty go.
template <class Keep>
void keep_samples(Observation& o, const Keep& keep) {
  for (auto& run : o.runs) {
    for (Visit& visit : run) {
      std::vector<double> kept;
      for (std::size_t i = 0; i < visit.seconds.size(); ++i)
        if (keep(visit, i)) kept.push_back(visit.seconds[i]);
      visit.seconds = std::move(kept);
      visit.marks.clear();
    }
    std::erase_if(run, [](const Visit& visit) { return visit.seconds.empty(); });
  }
  std::erase_if(o.runs, [](const auto& run) { return run.empty(); });
}

// Drops the samples during which somebody else had the CPU. If too few are left without them
// (false), the fastest are kept: other work can only lengthen a sample, and it lengthens the median
// of such a case several times.
bool drop_disturbed(Observation& o) {
  constexpr std::size_t enough = 5;
  const auto undisturbed = [](const Visit& visit, std::size_t i) {
    return i >= visit.marks.size() || !(visit.marks[i] & disturbances);
  };
  std::size_t left = 0;
  std::vector<double> seconds;
  for (const auto& run : o.runs) {
    for (const Visit& visit : run) {
      for (std::size_t i = 0; i < visit.seconds.size(); ++i) left += undisturbed(visit, i);
      seconds.insert(seconds.end(), visit.seconds.begin(), visit.seconds.end());
    }
  }
  if (left >= enough || left == seconds.size()) {
    keep_samples(o, undisturbed);
    return true;
  }
  std::sort(seconds.begin(), seconds.end());
  const double limit = seconds[std::min(enough, seconds.size()) - 1];
  keep_samples(o, [limit](const Visit& visit, std::size_t i) { return visit.seconds[i] <= limit; });
  return false;
}

// Before samples are dropped: the joules are those of all samples of a visit.
double watts_of(const Observation& o) {
  std::vector<double> watts;
  for (const auto& run : o.runs) {
    for (const Visit& visit : run) {
      double seconds = 0;
      for (const double s : visit.seconds) seconds += s * static_cast<double>(visit.inner);
      const bool shared =
          std::any_of(visit.marks.begin(), visit.marks.end(),
                      [](std::uint32_t mark) { return (mark & results::shared_device) != 0; });
      if (visit.joules > 0 && !shared) watts.push_back(visit.joules / seconds);
    }
  }
  return watts.empty() ? 0 : results::median_of(std::move(watts));
}

void settle(Observation& o) {
  std::vector<const Visit*> visits;
  o.best = INFINITY;
  for (const auto& run : o.runs) {
    for (const Visit& visit : run) {
      visits.push_back(&visit);
      o.best = std::min(o.best, results::median_of(visit.seconds));
    }
  }
  o.seconds = median_time(visits);
}

// They are what the device sustains here, so they stay; but it is said.
void note_marked(Observations& found, results::Mark mark, const char* why) {
  std::size_t cases = 0;
  for (const Observation& o : found.all) {
    std::size_t marked = 0, n = 0;
    for (const auto& run : o.runs) {
      for (const Visit& visit : run) {
        n += visit.seconds.size();
        for (const std::uint32_t m : visit.marks) marked += (m & mark) != 0;
      }
    }
    cases += 2 * marked > n;
  }
  if (cases > 0)
    found.notes.push_back(
        fmt::format("{} of {} cases were mostly measured {}", cases, found.all.size(), why));
}

void warn_of_mixture(const std::vector<Run>& runs, std::vector<std::string>& notes) {
  std::set<std::string> hosts, models;
  for (const Run& run : runs) {
    // What was imported does not say where it was measured.
    if (!run.provenance.host.empty()) hosts.insert(run.provenance.host);
    if (!run.provenance.cpu_model.empty()) models.insert(run.provenance.cpu_model);
  }
  if (hosts.size() > 1)
    notes.push_back(fmt::format("the runs come from different hosts: {}", fmt::join(hosts, ", ")));
  if (models.size() > 1)
    notes.push_back(
        fmt::format("the runs come from different CPUs: {}; the machine is none of them",
                    fmt::join(models, ", ")));
}

double resampled(const Observation& o, std::mt19937_64& random) {
  const auto any = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::vector<const Visit*> visits;
  for (std::size_t i = 0; i < o.runs.size(); ++i) {
    const auto& run = o.runs[any(o.runs.size())];
    for (std::size_t v = 0; v < run.size(); ++v) visits.push_back(&run[any(run.size())]);
  }
  double seconds = median_time(visits);
  if (o.unseen_spread > 0) seconds *= std::exp(o.unseen_spread * model::normal(random(), 0, 0));
  return seconds;
}

std::size_t visits_of(const Observation& o) {
  std::size_t visits = 0;
  for (const auto& run : o.runs) visits += run.size();
  return visits;
}

std::vector<double> medians_of(const Observation& o) {
  std::vector<double> medians;
  for (const auto& run : o.runs)
    for (const double m : results::medians_of(run)) medians.push_back(m);
  return medians;
}

// One visit does not say how visits differ; the other cases do, or nobody.
void spread_single_visits(Observations& found) {
  constexpr double unknown = 0.05;
  std::vector<double> spreads;
  std::size_t single = 0;
  for (const Observation& o : found.all) {
    if (visits_of(o) > 1)
      spreads.push_back(results::log_deviation(medians_of(o)));
    else
      ++single;
  }
  if (single == 0) return;
  const double spread = spreads.empty() ? unknown : results::median_of(spreads);
  for (Observation& o : found.all)
    if (visits_of(o) == 1) o.unseen_spread = spread;
  found.notes.push_back(fmt::format(
      "{} of {} cases had a single visit: {:.2g} % are taken for the spread between visits, {}; a "
      "longer run (--budget) measures it",
      single, found.all.size(), 100 * spread,
      spreads.empty() ? "which no case shows" : "as the other cases have it"));
}

}  // namespace

Observations gather(const std::vector<Run>& runs) {
  Observations found;
  std::map<std::pair<std::string, results::Parameters>, std::size_t> index;
  for (const Run& run : runs) {
    found.processing_units =
        std::max(found.processing_units, static_cast<int>(run.provenance.processing_units.size()));
    for (const results::Measurement& m : run.measurements) {
      if (m.parameters.count("timing") > 0) continue;  // another method, kept for comparison
      const auto* samples = std::get_if<Samples>(&m.outcome);
      const auto* invalid = std::get_if<results::Invalid>(&m.outcome);
      const std::string why = invalid ? invalid->reason : samples ? unfit(*samples) : "";
      if (!why.empty()) {
        found.notes.push_back(
            fmt::format("left out: {} {}: {}", m.probe, results::describe(m.parameters), why));
        continue;
      }
      if (!samples || samples->visits.empty()) continue;
      const auto [at, is_new] = index.try_emplace({m.probe, m.parameters}, found.all.size());
      if (is_new) found.all.push_back({m.probe, m.parameters, m.work, {}});
      found.all[at->second].runs.push_back(samples->visits);
    }
  }
  note_marked(found, results::throttled, "while the device had lowered its clocks");
  note_marked(found, results::shared_device, "while others used the device");
  std::size_t disturbed = 0;
  for (Observation& o : found.all) {
    o.watts = watts_of(o);
    disturbed += !drop_disturbed(o);
    settle(o);
  }
  if (disturbed > 0)
    found.notes.push_back(
        fmt::format("{} of {} cases were disturbed by other work in nearly every sample: their "
                    "fastest samples were "
                    "taken; a quieter machine gives better ones",
                    disturbed, found.all.size()));
  spread_single_visits(found);
  warn_of_mixture(runs, found.notes);
  return found;
}

std::vector<results::Interval> bootstrap(const Cases& cases, const Estimate& estimate) {
  constexpr int replicates = 200;
  constexpr double tail = 0.05;
  std::mt19937_64 random(20250714);
  std::vector<std::vector<double>> drawn;
  for (int r = 0; r < replicates; ++r) {
    std::vector<double> seconds;
    for (const Observation* o : cases) seconds.push_back(resampled(*o, random));
    const std::vector<double> values = estimate(seconds);
    drawn.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      if (std::isfinite(values[i])) drawn[i].push_back(values[i]);
  }
  // Few visits, drawn anew from themselves, vary too little: by (v - 1) / v in variance.
  std::vector<double> visits;
  for (const Observation* o : cases)
    if (o->unseen_spread == 0) visits.push_back(static_cast<double>(visits_of(*o)));
  const double v = visits.empty() ? 0 : results::median_of(visits),
               widening = v > 1 ? std::sqrt(v / (v - 1)) : 1;
  const std::vector<double> centre = estimate(seconds_of(cases));
  std::vector<results::Interval> intervals;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    std::vector<double>& values = drawn[i];
    std::sort(values.begin(), values.end());
    if (values.empty()) values.push_back(std::nan(""));
    const auto widened = [&](double end) { return centre[i] + widening * (end - centre[i]); };
    intervals.push_back({widened(results::quantile_of_sorted(values, tail)),
                         widened(results::quantile_of_sorted(values, 1 - tail))});
  }
  return intervals;
}

}  // namespace limen::calibration
