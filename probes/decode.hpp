// Whole decode steps, timed: the weights of a reduced model in memory, and several batches and
// contexts on them.
//
// A repetition during which a thread of ours was ready but had no CPU is left out, as in a contest
// (probes/contest.hpp), and so is one after which the threads multiplied slower together than they
// did before: a hypervisor has put them on one core (probes/interference.hpp). Before and after
// each visit runs the read loop of memory.stream: what the memory gave at that time. A visit over
// which that changed is made again: a hypervisor has moved the CPUs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/cpu/decode/decoder.hpp"

namespace limen::probes {

struct DecodePoint {
  std::size_t sequences = 1, context = 1;
};

// For how many layers of the model a layer of the reduced one stands: with its attention, and with
// its network.
struct LayerScale {
  double attention = 1, network = 1;
};

struct DecodeOrder {
  kernels::DecodeShape shape;      // of the whole reduced model
  std::vector<LayerScale> scales;  // by layer
  std::vector<DecodePoint> points;
};

struct DecodeOptions {
  double visit_seconds = 0.5;
  int visits = 3;
  std::uint64_t seed = 1;
  // Of GPUs: exchanges by "own" kernels or by "nccl", and a process for each of these devices, by
  // their numbers. Empty: the CPU, or one process for all.
  std::string exchange = "own";
  std::vector<int> gpus{};
};

// Of one visit to a point; layers scaled out to the whole model.
struct DecodeVisit {
  double read_rate = 0;  // bytes/s of the read loop beside it, of a memory
  double multiply_rate =
      0;  // FLOP/s of multiply-adds beside it, the median over samples; 0: unknown
  std::vector<kernels::OpSeconds> samples{};  // of a step, by operator
  double experts_read = 0;                    // a layer that has some, mean over samples
  std::size_t disturbed = 0;                  // repetitions left out
  std::size_t memories = 1;                   // that the step reads: of the host, or of each GPU
  bool emulated = false;                      // a CPU played the GPUs: times mean nothing
};
using DecodeTimes = std::vector<DecodeVisit>;  // of one point

inline double seconds_of(const kernels::OpSeconds& operators) {
  double sum = 0;
  for (double s : operators) sum += s;
  return sum;
}

// How a rank takes part; one process alone is rank 0 of 1.
struct DecodeRank {
  std::size_t rank = 0, ranks = 1;
  kernels::Exchanges exchanges{};
  std::function<void()> barrier = [] {};                            // between ranks
  std::function<double(double)> sum = [](double x) { return x; };   // over ranks
  std::function<double(double)> most = [](double x) { return x; };  // of the ranks
};

// Collective. Checks the step on small shapes first, then times each point; an entry each, in their
// order. Error if a check fails.
std::vector<DecodeTimes> time_decode(kernels::Team& team, const DecodeOrder& order,
                                     const DecodeOptions& options, const DecodeRank& rank = {});

// One step scaled out to the whole model: of its blocks, as Decoder::times() has them.
kernels::OpSeconds scaled_out(const std::vector<kernels::OpSeconds>& blocks,
                              const std::vector<LayerScale>& scales);
// Layers with experts.
std::size_t layers_with_experts(const kernels::DecodeShape& shape);

// Bytes that a rank's slice takes at the largest point.
double decode_bytes(const DecodeOrder& order, std::size_t ranks);

// All orders on all cores of this host: by one process, or by `ranks` processes that share the
// cores out. An entry for each order. `note` says why there is none (no MPI, one core), or is
// empty. Error if a job fails.
std::vector<std::vector<DecodeTimes>> decode_here(const std::vector<DecodeOrder>& orders,
                                                  const DecodeOptions& options, int ranks,
                                                  std::string& note);

}  // namespace limen::probes
