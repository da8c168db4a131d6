// Where ranks with devices meet: over MPI, on the host.
#pragma once

#include <mpi.h>

#include "kernels/cuda/device_ranks.hpp"

namespace limen::probes {

class MpiMeeting : public gpu::Meeting {
 public:
  explicit MpiMeeting(MPI_Comm comm) : comm_(comm) {}
  std::string agree(const std::string& complaint) override;
  void barrier() override { MPI_Barrier(comm_); }
  std::vector<gpu::Backend::Handle> gather(const gpu::Backend::Handle& mine) override;
  void from_first(void* data, std::size_t bytes) override {
    MPI_Bcast(data, static_cast<int>(bytes), MPI_BYTE, 0, comm_);
  }

 private:
  MPI_Comm comm_;
};

}  // namespace limen::probes
