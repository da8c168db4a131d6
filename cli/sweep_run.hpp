// Runs a sweep on all cores, and on the other ranks of a job if there are any.
//
// The grid is cut into blocks of consecutive configurations. Block b belongs to rank b mod size; in
// a rank the threads take its blocks as they come. Rows leave in the order of the grid, through
// rank 0; at most a few blocks a thread wait for their turn, so memory stays what it is.
#pragma once

#include <cstdint>

#include "cli/sweep_file.hpp"
#include "cli/sweep_reduce.hpp"
#include "probes/mpi_link.hpp"

namespace limen::cli {

struct SweepPlan {
  const model::Grid& grid;
  const Selection& selection;
  unsigned threads = 1;
  bool json = false;
  probes::RankLink* link = nullptr;  // null: no other ranks

  int rank() const { return link ? link->rank() : 0; }
  int ranks() const { return link ? link->size() : 1; }
};

// All rows from file.begin() on; `file` is null at all ranks but the first. The configuration up to
// which the file is complete: less than all if a signal came. Error.
std::uint64_t write_rows(const SweepPlan& plan, std::uint64_t begin, SweepFile* file);

// The whole grid reduced; at rank 0 of all ranks. An interrupted one has not seen all points.
Reducer reduce(const SweepPlan& plan, std::size_t best, const Metric& by);

// Cores that this process may use.
unsigned usable_cores();

}  // namespace limen::cli
