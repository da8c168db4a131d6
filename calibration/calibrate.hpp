// From runs to a machine: every law fitted, with intervals, residuals and errors on what was left
// out, and in words what the data could not tell.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/machine.hpp"
#include "results/store.hpp"

namespace limen::calibration {

// How well a law describes what it was fitted to. Errors are relative: 0.02 is 2 %.
struct LawReport {
  std::string law;  // the key of its parameters in a machine file
  std::size_t n = 0;
  double median_error = 0, largest_error = 0;
  std::optional<double> held_out;  // rms on shapes or sizes left out of the fit
};

struct Calibration {
  model::Machine machine;
  std::string source;  // of every parameter: the names of the runs
  std::vector<LawReport> laws;
  std::vector<std::string>
      notes;  // measurements left out, gates of physics that closed, mixed hosts
};

// What of a host becomes the machine: its GPUs if any were measured, unless one is named.
enum class Subject { whatever, cpu, gpu };

// Error if the runs hold no usable sample of the subject.
Calibration calibrate(const std::vector<results::Run>& runs, const std::string& name,
                      Subject subject = Subject::whatever);

}  // namespace limen::calibration
