#include "probes/stop_rule.hpp"

#include "results/statistics.hpp"

namespace limen::probes {

std::string StopRule::decide(const results::Samples& samples, double seconds_spent) const {
  std::size_t count = 0;
  for (const auto& visit : samples.visits) count += visit.seconds.size();
  if (count >= options_.least_samples && samples.visits.size() >= options_.least_visits) {
    const double error = results::summarize(samples).relative_half_width();
    if (error <= options_.relative_error) return "settled";
  }
  return seconds_spent >= options_.most_seconds ? "time budget" : "";
}

}  // namespace limen::probes
