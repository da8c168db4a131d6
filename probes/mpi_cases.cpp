#include "probes/mpi_cases.hpp"

#include "kernels/mpi/allreduce.hpp"
#include "kernels/mpi/barrier.hpp"
#include "kernels/mpi/pingpong.hpp"

namespace limen::probes {

results::Parameters MpiCase::parameters() const {
  results::Parameters result{{"ranks", static_cast<std::int64_t>(ranks)}};
  if (bytes > 0) result["bytes"] = bytes;
  return result;
}

model::Work MpiCase::work() const {
  const auto size = static_cast<std::size_t>(bytes);
  if (probe == mpi_allreduce) return kernels::mpi::AllReduce::claim(size, ranks);
  if (probe == mpi_pingpong) return kernels::mpi::PingPong::claim(size);
  return kernels::mpi::Barrier::claim();
}

std::unique_ptr<kernels::mpi::Operation> MpiCase::operation(MPI_Comm comm) const {
  const auto size = static_cast<std::size_t>(bytes);
  if (probe == mpi_allreduce) return std::make_unique<kernels::mpi::AllReduce>(comm, size);
  if (probe == mpi_pingpong) return std::make_unique<kernels::mpi::PingPong>(comm, size);
  return std::make_unique<kernels::mpi::Barrier>(comm);
}

std::vector<std::int64_t> message_sizes() {
  std::vector<std::int64_t> sizes;
  for (std::int64_t bytes = 8; bytes <= 16 << 20; bytes *= 2) sizes.push_back(bytes);
  return sizes;
}

std::vector<MpiCase> mpi_cases(const std::vector<int>& rank_counts) {
  std::vector<MpiCase> cases;
  for (int ranks : rank_counts) {
    for (std::int64_t bytes : message_sizes()) {
      cases.push_back({mpi_allreduce, ranks, bytes});
      if (ranks == 2) cases.push_back({mpi_pingpong, ranks, bytes});
    }
    cases.push_back({mpi_barrier, ranks, 0});
  }
  return cases;
}

std::vector<int> rank_counts_up_to(int ranks) {
  std::vector<int> counts;
  for (int p = 2; p <= ranks; p *= 2) counts.push_back(p);
  if (ranks >= 2 && counts.back() != ranks) counts.push_back(ranks);
  return counts;
}

}  // namespace limen::probes
