// What a calibrated step is made of, part by part: how long its memory and its arithmetic take, and
// what it moves and computes.
#pragma once

#include <string>
#include <vector>

#include "report/plot.hpp"
#include "report/prediction_table.hpp"

namespace limen::report {

// Of one device in use; seconds, bytes and FLOPs of a step with its drafts.
struct StepPart {
  const char* name;
  double seconds = 0;              // of both together
  double memory = 0, compute = 0;  // of each if the other took no time
  double bytes = 0, flops = 0;     // of matrix products

  // Of the seconds, those that the greater of the two takes, and what the other adds to it.
  double by_memory() const { return memory >= compute ? memory : seconds - compute; }
  double by_compute() const { return seconds - by_memory(); }
};

struct PlottedCase {
  PredictedCase predicted;
  std::vector<StepPart> parts;  // that the step has
};

PlottedCase plotted(const model::Machine& machine, const model::Case& c);

// Time per token of a user, stacked: by operator or by the limit that it waits for. Cases that do
// not fit say so.
enum class StackBy { parts, limits };
Bars step_bars(const std::vector<PlottedCase>& cases, StackBy by);

}  // namespace limen::report
