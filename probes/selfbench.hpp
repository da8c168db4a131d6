// limen's own loops against what else there is: the proof that its ceilings are ceilings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "probes/contest.hpp"

namespace limen::probes {

struct SelfbenchOptions {
  double seconds = 0;  // for each number of threads; 0: 20, or 6 if quick
  std::uint64_t seed = 1;
  bool quick = false;
  double memory_share = 0.5;
};

struct SelfbenchRow {
  std::string ours, theirs;
  int threads = 1;
  double our_rate = 0, their_rate = 0;  // medians, bytes a second
  Ratio ratio;
  double aim = 0;  // for the median, or 0
};

struct SelfbenchReport {
  std::vector<SelfbenchRow> rows;
  std::vector<std::string> notes;  // what could not be compared, and why
  bool interrupted = false;
};

SelfbenchReport selfbench(const SelfbenchOptions& options);

}  // namespace limen::probes
