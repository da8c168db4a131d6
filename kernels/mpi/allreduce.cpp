#include "kernels/mpi/allreduce.hpp"

namespace limen::kernels::mpi {

void library_sum(const float* in, float* out, int elements, MPI_Comm comm) {
  MPI_Allreduce(in, out, elements, MPI_FLOAT, MPI_SUM, comm);
}

AllReduce::AllReduce(MPI_Comm comm, std::size_t bytes, SumAll sum, Memory& memory)
    : comm_(comm),
      sum_(sum),
      in_(bytes / sizeof(float), memory),
      out_(bytes / sizeof(float), memory) {}

bool AllReduce::verify() {
  int rank = 0, ranks = 0;
  MPI_Comm_rank(comm_, &rank);
  MPI_Comm_size(comm_, &ranks);
  // Element i of rank r is r + 1 + i mod 7: the sum is exact in fp32 in any order for up to 5000
  // ranks.
  in_.set([rank](std::size_t i) {
    return static_cast<float>(static_cast<std::size_t>(rank) + 1 + i % 7);
  });
  out_.set([](std::size_t) { return -1.0f; });
  run();
  const auto p = static_cast<std::size_t>(ranks);
  const std::vector<float> got = out_.get();
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] != static_cast<float>(p * (i % 7) + p * (p + 1) / 2)) return false;
  }
  return true;
}

model::Work AllReduce::claim(std::size_t bytes, int ranks) {
  const auto elements = static_cast<double>(bytes / sizeof(float));
  const auto size = model::bytes(elements * sizeof(float));
  return {size, size, model::flops(elements * (ranks - 1) / ranks)};
}

}  // namespace limen::kernels::mpi
