// Whole decode steps on GPUs, timed as those of the CPU are (probes/decode.hpp): one rank a device.
//
// The total is that of the captured step; each operator but the rest is timed in graphs of its own,
// one for the layers that stand for as many of the model, and the rest is what is left of the
// total. The read loop beside a visit runs on each device. A sample during which a device was
// throttled or shared is left out.
#pragma once

#include "kernels/cuda/device_ranks.hpp"
#include "probes/decode.hpp"
#include "probes/gpu_bench.hpp"

namespace limen::probes {

// All orders on the first `ranks` devices of the bench. An entry for each order; `note` says why
// there is none (too few devices, which cannot reach each other; no NCCL), or is empty. Error if a
// check or a device fails, or if there is too little memory.
std::vector<std::vector<DecodeTimes>> decode_on_gpus(GpuBench& bench,
                                                     const std::vector<DecodeOrder>& orders,
                                                     const DecodeOptions& options,
                                                     std::size_t ranks, std::string& note);

// The same by a rank that is a process, on the one device of its bench. Collective; all get the
// same times, of the slowest.
std::vector<std::vector<DecodeTimes>> decode_as_gpu_rank(GpuBench& bench,
                                                         const std::vector<DecodeOrder>& orders,
                                                         const DecodeOptions& options,
                                                         const DecodeRank& rank,
                                                         gpu::Meeting& others);

}  // namespace limen::probes
