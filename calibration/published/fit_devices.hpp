// The laws of kernels, collectives and memory: fitted to devices, pooled over their relatives.
#pragma once

#include <string>
#include <vector>

#include "calibration/published/pooled_laws.hpp"

namespace limen::calibration {

// Of the devices of the family "all" it is asked by devices of vendors that nobody measured: these
// lie further apart by so much.
inline constexpr double strangers = 1.5;

// What is expected of a variant before any row of it. Kernels of other formats are relatives of the
// 16-bit ones, and every library falls back to NCCL: those of `laws`, if there are any.
std::vector<Coordinate> expected(RowKind kind, const std::string& variant,
                                 const std::string& family, const cards::Laws& laws);

// What the laws of devices miss when all that one source measured is left out of them: another
// laboratory has other versions, clocks and ways of timing. 0: no device was measured by two.
double scatter_of_sources(const std::vector<Coordinate>& coordinates, const Rows& rows);

// Adds the laws of one kind and variant over the devices of a family ("all": of any) to `laws`,
// with those of its devices and generations if it is a family; what is not identified is noted.
void fit_devices(RowKind kind, const std::string& variant, const std::string& family,
                 const Rows& rows, double foreign, cards::Laws& laws,
                 std::vector<std::string>& not_identified);

}  // namespace limen::calibration
