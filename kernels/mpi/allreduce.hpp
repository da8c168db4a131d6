// All-reduce: every rank ends with the sum of everybody's vector of fp32. Tensor parallelism does
// two for each layer.
//
// Claim, at one rank: read the vector once, write the result once; the ranks together must do
// elements * (ranks - 1) additions, so one rank's share is elements * (ranks - 1) / ranks. What an
// algorithm sends beyond that is its own. The buffers are the same in every execution, and so in
// cache, as a layer's fresh output is when it is reduced.
#pragma once

#include "kernels/mpi/operation.hpp"

namespace limen::kernels::mpi {

// How the sum is done; the default is the library's MPI_Allreduce.
using SumAll = void (*)(const float* in, float* out, int elements, MPI_Comm comm);
void library_sum(const float* in, float* out, int elements, MPI_Comm comm);

class AllReduce : public Operation {
 public:
  AllReduce(MPI_Comm comm, std::size_t bytes, SumAll sum = library_sum,
            Memory& memory = host_memory());
  void run() override { sum_(in_.data(), out_.data(), static_cast<int>(in_.size()), comm_); }
  bool verify() override;
  static model::Work claim(std::size_t bytes, int ranks);

 private:
  MPI_Comm comm_;
  SumAll sum_;
  Buffer<float> in_, out_;
};

}  // namespace limen::kernels::mpi
