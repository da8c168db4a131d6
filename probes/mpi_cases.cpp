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

// "allreduce" of "mpi.allreduce", and of "device.allreduce".
std::string what_of(const std::string& probe) { return probe.substr(probe.find('.') + 1); }

const BlockKind* block_kind(const std::string& probe) {
  const std::string what = what_of(probe);
  return what == "allgather"       ? &kernels::mpi::all_gather
         : what == "reducescatter" ? &kernels::mpi::reduce_scatter
         : what == "alltoall"      ? &kernels::mpi::all_to_all
         : what == "broadcast"     ? &kernels::mpi::broadcast
                                   : nullptr;
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
  if (devices != nullptr) {
    result["memory"] = std::string("device");
    result["by"] = by;
    result["sent"] = sent;
  }
  return result;
}

results::Parameters MpiCase::between_barriers() const {
  results::Parameters result = parameters();
  result["timing"] = "barriers";
  return result;
}

bool MpiCase::has_barrier_method() const {
  constexpr std::int64_t most = 1 << 20;  // beyond, a barrier is little beside the message
  return devices == nullptr && !of_two_ranks(probe) && bytes <= most;
}

model::Work MpiCase::work() const {
  const auto size = static_cast<std::size_t>(bytes);
  model::Work work = kernels::mpi::Barrier::claim();
  if (const BlockKind* kind = block_kind(probe)) {
    work = kernels::mpi::Blocks::claim(*kind, size, ranks());
  } else if (what_of(probe) == "allreduce") {
    work = kernels::mpi::AllReduce::claim(size, ranks());
  } else if (of_two_ranks(probe)) {
    work = kernels::mpi::PingPong::claim(size);
  }
  // MPI adds fp32, the others bf16: twice as many numbers.
  if (devices != nullptr && by != "MPI") work.flops = work.flops * 2.0;
  return work;
}

std::unique_ptr<kernels::mpi::Operation> MpiCase::operation(MPI_Comm comm) const {
  return devices != nullptr ? devices->operation(*this, comm)
                            : by_library(*this, comm, kernels::mpi::host_memory());
}

std::unique_ptr<kernels::mpi::Operation> by_library(const MpiCase& c, MPI_Comm comm,
                                                    kernels::mpi::Memory& memory) {
  using namespace kernels::mpi;
  const auto size = static_cast<std::size_t>(c.bytes);
  const std::string what = what_of(c.probe);
  if (const BlockKind* kind = block_kind(c.probe))
    return std::make_unique<Blocks>(*kind, comm, size, memory);
  if (what == "allreduce") return std::make_unique<AllReduce>(comm, size, library_sum, memory);
  if (what == "pingpong") return std::make_unique<PingPong>(comm, size, memory);
  if (what == "exchange") return std::make_unique<Exchange>(comm, size, memory);
  return std::make_unique<Barrier>(comm);
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
