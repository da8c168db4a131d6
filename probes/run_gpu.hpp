// The GPU part of a run: opens the devices, says what they are, and makes the cases.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "probes/gpu_bench.hpp"
#include "probes/schedule.hpp"
#include "results/provenance.hpp"

namespace limen::probes {

// What the provenance says of the devices. Emulated ones are named as such.
void describe_gpus(GpuBench& bench, results::Provenance& provenance);

// The cases of the probes, in the order of both. A probe that cannot even make its cases has one,
// which is Invalid.
std::vector<Task> gpu_tasks(GpuBench& bench, const std::vector<const Probe*>& probes);

// Marks as Invalid what no device can have done.
void apply_gpu_gate(std::vector<Task>& tasks, const GpuBench& bench, results::RunWriter& writer);

}  // namespace limen::probes
