#include "calibration/import/collector.hpp"

#include <cmath>

#include <fmt/format.h>

#include "results/text.hpp"

namespace limen::calibration::importing {

using results::Measurement;

void check_time(double seconds, const std::string& probe, const Place& place) {
  constexpr double shortest = 1e-13, longest = 3.2e7;
  if (!(seconds >= shortest && seconds <= longest))
    place.fail(fmt::format("{:.3g} s for one {} is no time that can be measured", seconds, probe));
}

Measurement& Collector::of(const About& about) {
  const auto [at, is_new] =
      index_.try_emplace({about.probe, about.parameters}, measurements_.size());
  if (is_new)
    measurements_.push_back({about.probe, about.parameters, about.work, results::Samples{}});
  return measurements_[at->second];
}

void Collector::add(const About& about, const std::vector<double>& seconds, std::int64_t inner,
                    const Place& place) {
  for (const double s : seconds) check_time(s, about.probe, place);
  if (seconds.empty() || inner < 1) place.fail("a figure of no executions");
  Measurement& m = of(about);
  auto* samples = std::get_if<results::Samples>(&m.outcome);
  if (!samples) return;  // one bad result voids the case
  // The same question about other work is no repetition; digits lost in print are.
  constexpr double print = 0.01;
  const double before = m.work.moved().in(model::bytes), now = about.work.moved().in(model::bytes);
  if (std::abs(before - now) > print * std::max(before, now))
    place.fail(
        fmt::format("{} {} moved {:.0f} bytes before and {:.0f} here: import them into "
                    "runs of their own",
                    about.probe, results::describe(about.parameters), before, now));
  samples->visits.push_back({0, inner, seconds, {}});
  samples->stop = "imported";
}

void Collector::skip(const About& about, const std::string& reason) {
  Measurement& m = of(about);
  const auto* samples = std::get_if<results::Samples>(&m.outcome);
  if (samples && samples->visits.empty()) m.outcome = results::Skipped{reason};
}

void Collector::invalidate(const About& about, const std::string& reason) {
  of(about).outcome = results::Invalid{reason};
}

void Collector::invalidate_all(const std::string& reason) {
  for (Measurement& m : measurements_) m.outcome = results::Invalid{reason};
}

}  // namespace limen::calibration::importing
