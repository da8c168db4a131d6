// Predicted against measured decode steps: for reading, for programs, and as a plot.
#pragma once

#include <string>
#include <vector>

#include "cli/verify_cases.hpp"
#include "report/plot.hpp"
#include "results/statistics.hpp"

namespace limen::cli {

struct VerifiedCase {
  std::string machine, model;
  model::Format format;
  std::size_t layers_run = 0, layers = 0;
  std::string reduction;  // reduction_text()
  probes::DecodePoint point;
  int tp = 1;
  // Seconds of a step; predicted with its 90 % interval, measured with the 95 % one of its median.
  double predicted = 0, low = 0, high = 0;
  results::Summary measured;
  kernels::OpSeconds predicted_operators{}, measured_operators{};  // medians
  double bytes = 0;                                                // that a step must read
  double read_rate = 0;        // of the read loop beside it, bytes/s, median
  double calibrated_rate = 0;  // what the calibration has for it
  double experts_read = 0;     // a layer, mean; 0 without experts
  std::size_t disturbed = 0;   // repetitions left out: a thread had to wait for a CPU
  std::size_t memories = 1;    // that a step reads, each at read_rate
  bool emulated = false;       // a CPU played the GPUs: nothing was measured
  // By which the calibration's memory was scaled to that beside the visits; 1: it was as
  // calibrated.
  double memory_scale = 1;
  std::size_t other_memory = 0;  // visits whose memory was not as fast as in the calibration
  std::size_t other_cores = 0;   // visits whose cores were not: left out

  bool timed() const { return measured.n > 0; }
  bool as_calibrated() const { return timed() && memory_scale == 1; }
  double error() const { return predicted / measured.median - 1; }
  bool inside() const { return measured.median >= low && measured.median <= high; }
  // Of what the memory gave beside it.
  double share_of_limit() const { return bytes / measured.median / read_rate / double(memories); }
};

// Held against that of the machines whose memory was as fast as the read loop beside most visits,
// by these visits alone: within a tenth. Where no visit had such a memory (a hypervisor had moved
// the CPUs, or other work took it), the visits with one memory, within a factor of two, are held
// against the machine with its memory scaled to theirs, in an interval that reaches to it unscaled.
// Cores that multiplied less than in the calibration say nothing.
VerifiedCase verified(const std::vector<model::Machine>& machines, const model::Transformer& t,
                      model::Format f, const probes::DecodeOrder& order, std::size_t point, int tp,
                      const probes::DecodeTimes& times);

struct ErrorSummary {
  std::size_t n = 0;
  double median = 0, worst = 0, coverage = 0;  // of |error|; shares
};
// Of the cases that ran as calibrated, or of those whose memory was scaled.
enum class Memory { as_calibrated, scaled };
ErrorSummary errors_of(const std::vector<VerifiedCase>& cases, Memory memory);

std::string verified_text(const std::vector<VerifiedCase>& cases);
std::string verified_json(const std::vector<VerifiedCase>& cases);
// Without the cases that were not timed.
report::Chart verified_chart(const std::vector<VerifiedCase>& cases);

}  // namespace limen::cli
