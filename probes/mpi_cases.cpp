#include "probes/mpi_cases.hpp"

#include <algorithm>

#include "kernels/mpi/allreduce.hpp"
#include "kernels/mpi/barrier.hpp"
#include "kernels/mpi/blocks.hpp"
#include "kernels/mpi/pingpong.hpp"
#include "probes/mpi_names.hpp"

namespace limen::probes {
namespace {

using kernels::mpi::BlockKind;

const BlockKind* block_kind(const std::string& probe) {
  return probe == "mpi.allgather"       ? &kernels::mpi::all_gather
         : probe == "mpi.reducescatter" ? &kernels::mpi::reduce_scatter
         : probe == "mpi.alltoall"      ? &kernels::mpi::all_to_all
         : probe == "mpi.broadcast"     ? &kernels::mpi::broadcast
                                        : nullptr;
}

bool of_two_ranks(const std::string& probe) {
  return probe == "mpi.pingpong" || probe == "mpi.exchange";
}

void add_sizes(const std::string& probe, const RankSubset& subset, bool quick,
               std::vector<MpiCase>& cases) {
  const int ranks = static_cast<int>(subset.ranks.size());
  const bool fine = probe == "mpi.allreduce" || probe == "mpi.pingpong";
  std::int64_t last = 0;
  const int step = !fine ? (quick ? 16 : 4) : quick && ranks > 2 ? 4 : 2;
  for (std::int64_t bytes : message_sizes(step)) {
    if (block_kind(probe) != nullptr)
      bytes = static_cast<std::int64_t>(
          kernels::mpi::divisible(static_cast<std::size_t>(bytes), ranks));
    if (quick && !fine && bytes > 1 << 20) continue;
    if (bytes > last) cases.push_back({probe, subset, bytes});
    last = std::max(last, bytes);
  }
}

}  // namespace

results::Parameters MpiCase::parameters() const {
  results::Parameters result{{"ranks", std::int64_t{ranks()}}};
  if (bytes > 0) result["bytes"] = bytes;
  if (subset.nodes > 1) result["nodes"] = std::int64_t{subset.nodes};
  if (subset.sockets > 1) result["sockets"] = std::int64_t{subset.sockets};
  return result;
}

results::Parameters MpiCase::between_barriers() const {
  results::Parameters result = parameters();
  result["timing"] = "barriers";
  return result;
}

bool MpiCase::has_barrier_method() const {
  constexpr std::int64_t most = 1 << 20;  // beyond, a barrier is little beside the message
  return !of_two_ranks(probe) && bytes <= most;
}

model::Work MpiCase::work() const {
  const auto size = static_cast<std::size_t>(bytes);
  if (const BlockKind* kind = block_kind(probe))
    return kernels::mpi::Blocks::claim(*kind, size, ranks());
  if (probe == "mpi.allreduce") return kernels::mpi::AllReduce::claim(size, ranks());
  if (of_two_ranks(probe)) return kernels::mpi::PingPong::claim(size);
  return kernels::mpi::Barrier::claim();
}

std::unique_ptr<kernels::mpi::Operation> MpiCase::operation(MPI_Comm comm) const {
  const auto size = static_cast<std::size_t>(bytes);
  if (const BlockKind* kind = block_kind(probe))
    return std::make_unique<kernels::mpi::Blocks>(*kind, comm, size);
  if (probe == "mpi.allreduce") return std::make_unique<kernels::mpi::AllReduce>(comm, size);
  if (probe == "mpi.pingpong") return std::make_unique<kernels::mpi::PingPong>(comm, size);
  if (probe == "mpi.exchange") return std::make_unique<kernels::mpi::Exchange>(comm, size);
  return std::make_unique<kernels::mpi::Barrier>(comm);
}

std::vector<std::int64_t> message_sizes(int step) {
  std::vector<std::int64_t> sizes;
  for (std::int64_t bytes = 8; bytes <= 16 << 20; bytes *= step) sizes.push_back(bytes);
  return sizes;
}

std::vector<MpiCase> mpi_cases(const std::vector<RankSubset>& subsets, bool quick,
                               const std::vector<std::string>& names) {
  std::vector<MpiCase> cases;
  for (const RankSubset& subset : subsets) {
    for (const MpiProbeName& probe : mpi_probe_names) {
      if (!is_named(probe, names) || (of_two_ranks(probe.name) && subset.ranks.size() != 2))
        continue;
      if (std::string(probe.name) == "mpi.barrier")
        cases.push_back({probe.name, subset, 0});
      else
        add_sizes(probe.name, subset, quick, cases);
    }
  }
  return cases;
}

}  // namespace limen::probes
