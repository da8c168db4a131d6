// A probe: a question put to the machine, and the cases (one a tuple of independent variables) that
// answer it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "results/measurement.hpp"

namespace limen::probes {

class Bench;
class GpuBench;

// What the scheduler needs to know about one measurement. The functions share the case's buffers.
struct Case {
  results::Parameters parameters;
  model::Work work;  // of one execution
  int threads = 1;
  double least_seconds =
      50e-6;  // a sample repeats the execution until it is this long; 0: one execution a sample

  // Called once, before the first visit: makes buffers and verifies the kernel. Skipped or Invalid
  // ends the case.
  std::function<std::optional<results::Outcome>()> prepare;
  // Called before each visit, untimed: warms caches, spoils old results.
  std::function<void()> warm;
  // The timed part: the execution, `inner` times.
  std::function<void(std::int64_t inner)> execute;
  // In its place, for a device with a clock of its own: executes, and returns the seconds.
  std::function<double(std::int64_t inner)> timed;
  // What disturbed the device during the visit that has ended, as marks.
  std::function<std::uint32_t()> marks;
  // A counter of the device's energy in joules, read before and after each visit; null: none.
  std::function<std::optional<double>()> joules;
  // Called after each visit: empty, or what is wrong with what the executions left behind.
  std::function<std::string()> check;
};

struct Probe {
  std::string name;
  std::string question;
  std::vector<Case> (*cases)(Bench&);  // on the CPU; null: a probe of GPUs, or of MPI ranks
  std::vector<Case> (*gpu_cases)(GpuBench&) = nullptr;

  bool between_ranks() const { return !cases && !gpu_cases; }  // measured by mpi_probes.hpp
};

}  // namespace limen::probes
