// The laws of a machine, one function a group: each takes what was observed and adds to a draft
// what it can tell, and says what it cannot.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "calibration/calibrate.hpp"
#include "calibration/observations.hpp"

namespace limen::calibration {

using Draft = Calibration;

void fit_memory(const Observations& observed,
                Draft& draft);  // levels, memory.bandwidth, memory.efficiency
void fit_peaks(const Observations& observed, Draft& draft);  // compute.*
// The same for GPUs, from the largest products.
void fit_gpu_peaks(const Observations& observed, Draft& draft);
// Did any GPU read its memory? (An emulated one is left out when runs are gathered.)
bool has_gpus(const Observations& observed);
// What GPUs were observed to do, under the names of the probes that the laws are fitted to.
Observations as_devices(const Observations& observed);
// Says how our products of one token compare with cuBLASLt's, and fp16 with bf16.
void compare_products(const Observations& gpu, std::vector<std::string>& notes);
// The format of weights whose products are the model's class of 16 bits: bf16, or fp16 where that
// alone was measured.
std::string sixteen_bits(const Observations& gpu);
// What a device draws at rest, for a byte and for a FLOP.
void fit_energy(const Observations& observed, Draft& draft);
void fit_linear(const Observations& observed,
                Draft& draft);  // linear.*, attention.*; after memory and peaks
void fit_sync(const Observations& observed, Draft& draft);  // sync.floor, sync.barrier, sync.pp
void fit_collectives(const Observations& observed,
                     Draft& draft);  // sync.all_reduce and its like; after sync
// How collectives grow with the ranks, and between nodes: sync.net, sync.net_bandwidth, the number
// of devices, and laws for as many ranks as a node has; after the collectives of a node.
void fit_network(const Observations& observed, Draft& draft);
// Pieces of alpha + beta bytes for the collective `key`, such as "sync.all_reduce", of one number
// of ranks; with fewer than two sizes it is named as unidentified.
void fit_collective(Draft& draft, const std::string& key, int ranks, const Cases& cases,
                    std::vector<model::CollectivePiece>& laws);
// One way between two ranks: latency + bytes / bandwidth. False if there are no two sizes.
bool fit_hop_law(Draft& draft, const std::string& key, const Cases& cases,
                 std::optional<model::Parameter<model::Seconds>>& latency,
                 std::optional<model::Parameter<model::BytesPerSecond>>& bandwidth);

// A parameter with an interval that holds its value.
template <class D>
model::Parameter<model::Quantity<D>> parameter(const Draft& draft, const model::Unit<D>& unit,
                                               double value, results::Interval interval,
                                               model::Evidence evidence) {
  // A widened interval may reach below zero, which no parameter does.
  const double low = interval.low < value ? (interval.low > 0 ? interval.low : 0) : value;
  const double high = interval.high > value ? interval.high : value;
  return {unit(value), unit(low), unit(high), evidence, draft.source};
}
inline constexpr model::Unit<model::Scalar> pure{1};

using model::z90;

// Root of the mean square; 0 of none.
double rms(const std::vector<double>& errors);

// Adds a line to the report: relative errors of the fit on its n points, and on points left out of
// it.
void report_law(Draft& draft, const std::string& law, std::vector<double> errors,
                std::optional<double> held_out);

// Root mean square of relative errors on groups of points left out of the fit one after the other.
// `errors(keep)` fits to the points that are kept and returns the relative errors of all. Nothing
// if there is only one group.
std::optional<double> held_out_error(
    const std::vector<int>& group,
    const std::function<std::vector<double>(const std::vector<bool>& keep)>& errors);

}  // namespace limen::calibration
