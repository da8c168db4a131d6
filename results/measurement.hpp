// A measurement: what was asked (probe and parameters), what work one execution does, and what came
// out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "model/work.hpp"

namespace limen::results {

// Independent variables of a probe, by name: sizes and counts are integers, choices are words.
using ParameterValue = std::variant<std::int64_t, std::string>;
using Parameters = std::map<std::string, ParameterValue>;

// Reasons to distrust a sample, as bits; the store writes their names.
enum Mark : std::uint32_t {
  context_switch = 1u << 0,     // the kernel took the CPU away during the sample
  stolen = 1u << 1,             // the hypervisor did
  clock_changed = 1u << 2,      // the core's clock differed from the rest of the run
  oversubscribed = 1u << 3,     // more ranks or threads than cores
  late_start = 1u << 4,         // a rank entered after the common start
  emulated = 1u << 5,           // the device was an emulation: its times mean nothing
  placement_changed = 1u << 6,  // the hypervisor had moved our CPUs: nearer, further, onto one core
  throttled = 1u << 7,          // the device had lowered its clocks
  shared_device = 1u << 8,      // other processes used the device
};

// Samples taken back to back. A case is visited several times over a run, so that drift shows
// between its visits.
struct Visit {
  double at = 0;                     // seconds since the run began
  std::int64_t inner = 1;            // executions averaged in one sample
  std::vector<double> seconds;       // one entry a sample: seconds of one execution
  std::vector<std::uint32_t> marks;  // empty, or one entry a sample
  double joules = 0;                 // that the device used meanwhile; 0: not measured
};

struct Samples {
  std::vector<Visit> visits;
  std::string stop;  // why sampling ended: "settled", "time budget", "interrupted"
};
struct Skipped {  // cannot run here
  std::string reason;
};
struct Invalid {  // ran, but wrong, impossible or unsettled
  std::string reason;
};
using Outcome = std::variant<Samples, Skipped, Invalid>;

struct Measurement {
  std::string probe;
  Parameters parameters;
  model::Work work;  // of one execution, as the kernel claims it
  Outcome outcome;
};

}  // namespace limen::results
