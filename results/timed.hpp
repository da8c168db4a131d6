// The measurements of a run that have samples, for the exports that print them as tables.
#pragma once

#include <string>
#include <vector>

#include "results/store.hpp"
#include "results/text.hpp"

namespace limen::results {

struct Timed {
  const Measurement* measurement;
  const Samples* samples;

  std::int64_t number(const std::string& key) const {
    const auto found = measurement->parameters.find(key);
    if (found == measurement->parameters.end()) return 0;
    const auto* value = std::get_if<std::int64_t>(&found->second);
    return value ? *value : 0;
  }
  std::string word(const std::string& key) const {
    const auto found = measurement->parameters.find(key);
    return found == measurement->parameters.end() ? "" : describe(found->second);
  }
};

inline std::vector<Timed> timed(const Run& run, const std::string& probe) {
  std::vector<Timed> found;
  for (const Measurement& m : run.measurements) {
    const auto* samples = std::get_if<Samples>(&m.outcome);
    if (samples && !samples->visits.empty() && m.probe == probe) found.push_back({&m, samples});
  }
  return found;
}

}  // namespace limen::results
