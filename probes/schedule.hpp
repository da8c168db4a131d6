// The loop that visits cases: in a new random order each round, so that drift of the machine falls
// on all alike, until each has settled or the time is up.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "probes/probe.hpp"
#include "probes/stop_rule.hpp"
#include "results/store.hpp"

namespace limen::probes {

class Interference;

// A permutation of 0 .. count - 1, the same on every machine for a seed and a round.
std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed, std::uint64_t round);

struct ScheduleOptions {
  StopOptions stop;
  double seconds = 30;  // for the whole run; every case gets one visit even if they take longer
  double visit_seconds = 0.01;  // samples of one visit
  std::uint64_t seed = 1;
  std::function<bool()> interrupted = [] { return false; };
  std::function<void(const std::string& probe, std::size_t done, std::size_t all,
                     double seconds_left)>
      progress{};
  bool verify_only = false;  // prepare every case, which verifies it, and time nothing
  // A run that goes on: cases that ended in it are left alone, the others keep their samples.
  const results::Run* before = nullptr;
};

// A case on its way through the run; the measurement holds all samples and, in the end, the
// outcome.
struct Task {
  const Probe* probe = nullptr;
  Case what;
  results::Measurement measured{};
  std::int64_t inner = 0;  // 0: not yet prepared
  double sample_seconds = 0, spent = 0;
  bool ended = false;
};

// Runs all tasks and writes every visit and verdict as it comes.
void run_schedule(std::vector<Task>& tasks, const ScheduleOptions& options,
                  Interference& interference, results::RunWriter& writer);

}  // namespace limen::probes
