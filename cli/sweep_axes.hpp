// The axes of a sweep as the command line has them.
//
//   a,b,c            these values
//   lo..hi:n         n values from lo to hi, evenly spaced, both ends among them
//   lo..hi:n:log     the same, evenly spaced in the logarithm
//
// and any of these with commas between them. Whole numbers are rounded, and each is taken once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "model/sweep/grid.hpp"

namespace limen::cli {

struct SweepAxes {
  std::string models, machines, weights = "bf16", experts, kv = "bf16";
  std::string tp = "1", pp = "1", ep = "1", dp = "1", batch = "1", context = "4k";
  std::vector<std::string> sets;
  std::string conventions = "exact", draws;
  std::uint64_t seed = 1;
};

void add_sweep_axes(CLI::App& command, SweepAxes& axes);

// Throws Error on what is no grid, or has 2^63 configurations or more.
model::Grid grid_of(const SweepAxes& axes);

// The values of one axis; `parse` reads a single one. Throws Error, in a line that begins with
// `where`.
std::vector<double> axis_values(const std::string& text, const std::string& where, bool whole,
                                const std::function<double(const std::string&)>& parse);

// What identifies a grid: everything that its figures depend on.
std::uint64_t hash_of_grid(const model::Grid& grid);

}  // namespace limen::cli
