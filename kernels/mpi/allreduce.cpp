#include "kernels/mpi/allreduce.hpp"

namespace limen::kernels::mpi {

void library_sum(const float* in, float* out, int elements, MPI_Comm comm) {
  MPI_Allreduce(in, out, elements, MPI_FLOAT, MPI_SUM, comm);
}

AllReduce::AllReduce(MPI_Comm comm, std::size_t bytes, SumAll sum)
    : comm_(comm), sum_(sum), in_(bytes / sizeof(float)), out_(bytes / sizeof(float)) {}

bool AllReduce::verify() {
  int rank = 0, ranks = 0;
  MPI_Comm_rank(comm_, &rank);
  MPI_Comm_size(comm_, &ranks);
  // Element i of rank r is r + 1 + i mod 7: the sum is exact in fp32 in any order for up to 5000
  // ranks.
  for (std::size_t i = 0; i < in_.size(); ++i) {
    in_[i] = static_cast<float>(static_cast<std::size_t>(rank) + 1 + i % 7);
    out_[i] = -1;
  }
  run();
  const auto p = static_cast<std::size_t>(ranks);
  for (std::size_t i = 0; i < out_.size(); ++i) {
    if (out_[i] != static_cast<float>(p * (i % 7) + p * (p + 1) / 2)) return false;
  }
  return true;
}

model::Work AllReduce::claim(std::size_t bytes, int ranks) {
  const auto elements = static_cast<double>(bytes / sizeof(float));
  const auto size = model::bytes(elements * sizeof(float));
  return {size, size, model::flops(elements * (ranks - 1) / ranks)};
}

}  // namespace limen::kernels::mpi
