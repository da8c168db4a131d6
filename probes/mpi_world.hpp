// The job that this rank is part of: MPI from Init to Finalize, who else is there, and how to end
// it for everybody.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <string>

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

// The first `ranks` ranks of the world, as a communicator; MPI_COMM_NULL at the others.
class FirstRanks {
 public:
  explicit FirstRanks(int ranks);
  ~FirstRanks();
  FirstRanks(const FirstRanks&) = delete;
  FirstRanks& operator=(const FirstRanks&) = delete;
  MPI_Comm comm() const { return comm_; }

 private:
  MPI_Comm comm_ = MPI_COMM_NULL;
};

// Collective. True at every rank if any host has more ranks than cores that its ranks, taken
// together, may use.
bool oversubscribed(MPI_Comm comm);

// Collective. The number of hosts.
int count_hosts(MPI_Comm comm);

}  // namespace limen::probes
