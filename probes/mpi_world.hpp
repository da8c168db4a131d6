// The job that this rank is part of: MPI from Init to Finalize, who else is there, and how to end
// it for everybody.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "probes/mpi_subsets.hpp"

namespace limen::probes {

class MpiWorld {
 public:
  MpiWorld();   // MPI_Init
  ~MpiWorld();  // MPI_Finalize
  MpiWorld(const MpiWorld&) = delete;
  MpiWorld& operator=(const MpiWorld&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  std::string host() const;
  std::string mpi_library() const;  // first line of the version string

  // Ends all ranks at once, after a line that says who failed: the others wait for a message that
  // will not come.
  [[noreturn]] void abort(const std::string& why, int code) const;

 private:
  int rank_ = 0, size_ = 1;
};

// Some ranks of the world, in this order, as a communicator; MPI_COMM_NULL at the others.
class SubsetRanks {
 public:
  explicit SubsetRanks(const std::vector<int>& ranks);  // collective over the world
  ~SubsetRanks();
  SubsetRanks(const SubsetRanks&) = delete;
  SubsetRanks& operator=(const SubsetRanks&) = delete;
  MPI_Comm comm() const { return comm_; }

 private:
  MPI_Comm comm_ = MPI_COMM_NULL;
};

// Collective. Where every rank runs.
std::vector<RankPlace> rank_places(MPI_Comm comm);

// Collective. True at every rank if any host has more ranks than cores that its ranks, taken
// together, may use.
bool oversubscribed(MPI_Comm comm);

}  // namespace limen::probes
