// Barrier: nobody leaves before the last one has entered. No data, so all of its time is latency.
//
// It has no result to compare; that no rank leaves early is checked on every sample by whoever
// times it.
#pragma once

#include "kernels/mpi/operation.hpp"

namespace limen::kernels::mpi {

class Barrier : public Operation {
 public:
  explicit Barrier(MPI_Comm comm) : comm_(comm) {}
  void run() override { MPI_Barrier(comm_); }
  bool verify() override { return MPI_Barrier(comm_) == MPI_SUCCESS; }
  static model::Work claim() { return {}; }

 private:
  MPI_Comm comm_;
};

}  // namespace limen::kernels::mpi
