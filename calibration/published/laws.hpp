// The laws of kernels and collectives as formulas in a few parameters, for fitting to published
// measurements and for predicting them. All in SI units.
//
// linear      a product of m tokens with an n x k matrix:
//               t = fixed + launch + (memory^overlap + compute^overlap)^(1/overlap)
//               memory = bytes / (efficiency * bandwidth), compute = 2 m n k / (rate * peak)
//             `launch` only where the host's clock timed it. Waves of tiles are not in it: with the
//             best of six tile shapes and split sums the tables' median errors moved by -1.6 to
//             +1.2 points without a gain overall, because libraries choose their tiles so.
// attention   one decode step of m sequences over their cache:
//               t = u (fixed + 2 pipeline (fixed * bytes)^(1/2) + bytes)
//               u = `ungrouped` where every query head has keys of its own: such kernels do not
//               use the matrix units; else 1
//               bytes = KV bytes read as `memory` says, but no less than `serial` for each 1024
//               tokens of context, which is only seen in kernels that do not split a sequence
//             The root is what blocks that start and end one after the other leave of the two
//             terms' overlap. A step more where few sequences are split (and their parts added up)
//             moved the fitted error from 5.8 to 6.1 % and that of devices left out from 14.5 to
//             15.1: kernels differ in when they split.
// all_reduce  see model/cards/all_reduce_law.hpp
// memory      reading a working set over and over: bytes / (efficiency * bandwidth), or, where it
//             fits the last-level cache, at most bytes / (cache * processors), `cache` in GB/s: the
//             cache's rate goes with the processors, not with the memory behind it
// launch      `fixed`: from one small kernel to the next, in a stream, a graph, a persistent kernel
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "calibration/published/hierarchy.hpp"
#include "calibration/published/rows.hpp"
#include "model/machine.hpp"

namespace limen::calibration {

// A datasheet as plain numbers; NaN: it does not say.
struct Sheet {
  double bandwidth = 0, link = 0, cache = 0, capacity = 0, processors = 0;
  bool adds = false;  // the switch of its links adds up what passes
  const model::Machine* card = nullptr;
  double peak(const std::string& kernel) const;  // of matrix products
};
// Of a known device; cards are read once.
const Sheet& sheet_of(const cards::Device& device);

// The coordinates of a kind's law, in the order in which `predicted_seconds` takes their values.
const std::vector<Coordinate>& coordinates_of(RowKind kind, const std::string& variant);

// Kernels and libraries that have a law of their own as soon as any row of the kind is known.
const std::vector<std::string>& variants_of(RowKind kind);

// The one whose law the others of the kind are expected to be like.
std::string plain_variant(RowKind kind);

// Devices whose law of this kind is alike: of a vendor; of all-reduces, of a kind of link.
std::string family_of(const PublishedRow& row);

// Of a product, attention or all-reduce.
double predicted_seconds(const PublishedRow& row, const Sheet& sheet,
                         const std::vector<double>& values);
// What no implementation can beat: every byte once at the peak of the memory or link, every
// operation at the peak. Data that fit a cache have no floor from memory.
double least_seconds(const PublishedRow& row, const Sheet& sheet);

// Why a row cannot be predicted by these laws on this device; empty if it can.
std::string not_predictable(const PublishedRow& row, const Sheet& sheet);

}  // namespace limen::calibration
