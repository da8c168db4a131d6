// Measures: runs the probes that a plan names and appends everything to a run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "results/provenance.hpp"
#include "results/store.hpp"

namespace limen::probes {

struct PlanOptions {
  bool quick = false;              // fewer sizes and a shorter budget
  bool verify_only = false;        // check every kernel and time nothing
  std::uint64_t seed = 1;          // of the order of visits and of the data
  std::vector<std::string> names;  // empty: every probe
  // Zero means the default of the quick or full plan.
  double seconds = 0;            // for the CPU, and again for GPUs: 30 quick, 420 full
  double case_seconds = 0;       // for one case: 2 quick, 12 full
  double visit_seconds = 0;      // for the samples of one visit: 0.006 quick, 0.012 full
  double relative_error = 0.02;  // of the median, at which a case is settled
  std::size_t least_samples = 10, least_visits = 4;
  double memory_share = 0.5;  // of the free memory
  double memory = 0;          // bytes, in place of that share; 0: the share
  int max_threads = 0;        // 0: all
};

struct ProbeReport {
  std::size_t cases = 0, settled = 0, unsettled = 0, skipped = 0;
  std::vector<std::string> invalid;  // one line a case: what was refused, and why
  std::vector<std::string> notes;    // for people: GPUs left out, or why there is none
  bool nothing_ran = false;          // every case was skipped
  bool interrupted = false;
  double seconds = 0;
  bool ok() const { return invalid.empty() && !interrupted; }
};

// Throws Error before anything is measured if an option is out of range or a name is unknown.
void check(const PlanOptions& options);

// Fills in what provenance can only know afterwards, and finishes the run. SIGINT and SIGTERM end
// it early: what was measured is kept, and `interrupted` is set. With `before`, goes on with what
// that run lacks.
ProbeReport run_probes(const PlanOptions& options, results::RunWriter& writer,
                       results::Provenance& provenance, const results::Run* before = nullptr);

// How many cases each selected probe has here: for `limen probe --list`.
struct ProbeLine {
  std::string name, question;
};
std::vector<ProbeLine> list_probes(const std::vector<std::string>& names);

}  // namespace limen::probes
