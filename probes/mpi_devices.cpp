#include "probes/mpi_devices.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "probes/gpu_bench.hpp"
#include "probes/mpi_cuda_aware.hpp"
#include "probes/mpi_names.hpp"

namespace limen::probes {
namespace {

using gpu::Collective;
using kernels::mpi::Operation;

constexpr std::int64_t least_bytes = 1024, most_bytes = 64 << 20, most_quick = 1 << 20,
                       most_own = 1 << 20;

// Of this rank on its host, and the lowest rank of the world there.
struct Seat {
  int on_host = 0, host = 0;
};
Seat seat() {
  MPI_Comm host = MPI_COMM_NULL;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
  Seat found;
  MPI_Comm_rank(host, &found.on_host);
  MPI_Comm_rank(MPI_COMM_WORLD, &found.host);
  MPI_Bcast(&found.host, 1, MPI_INT, 0, host);
  MPI_Comm_free(&host);
  return found;
}

// Of every rank of the world, what it says.
std::vector<std::string> gather(const std::string& mine) {
  std::array<char, 160> text{};
  mine.copy(text.data(), text.size() - 1);
  int ranks = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  std::vector<decltype(text)> all(static_cast<std::size_t>(ranks));
  MPI_Allgather(text.data(), sizeof text, MPI_CHAR, all.data(), sizeof text, MPI_CHAR,
                MPI_COMM_WORLD);
  std::vector<std::string> said;
  for (const auto& each : all) said.emplace_back(each.data());
  return said;
}

const Collective* collective_of(const std::string& probe) {
  static const std::map<std::string, Collective> known{
      {"device.allreduce", Collective::all_reduce},
      {"device.allgather", Collective::all_gather},
      {"device.reducescatter", Collective::reduce_scatter},
      {"device.alltoall", Collective::all_to_all}};
  const auto found = known.find(probe);
  return found == known.end() ? nullptr : &found->second;
}

}  // namespace

RankDevices::RankDevices(const OpenBackend& open) {
  const Seat here = seat();
  std::string why, identity, description;
  int rank = 0, number = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  try {
    backend_ = open(why);
    if (backend_) {
      const int count = backend_->devices();
      if (count == 0) throw gpu::DeviceError("CUDA counts no device", 100);
      number = here.on_host % count;  // where each rank is shown one of its own, all are number 0
      identity = fmt::format("{} {}", here.host, backend_->properties(number).pci);
    }
  } catch (const gpu::DeviceError& e) {
    why = e.what();
  }
  // The first rank to name a device has it; the others do not even open it.
  const auto identities = gather(identity);
  const auto first = std::find(identities.begin(), identities.end(), identity);
  if (!identity.empty() && first - identities.begin() == rank) {
    try {
      device_ = std::make_unique<gpu::Device>(*backend_, number);
      try_out(*device_);
      description = fmt::format("{}, {}", device_->properties().name, device_->properties().pci);
    } catch (const gpu::DeviceError& e) {
      device_.reset();
      why = e.what();
    }
  }
  descriptions_ = gather(description);
  for (std::size_t r = 0; r < descriptions_.size(); ++r)
    if (!descriptions_[r].empty()) ranks_.push_back(static_cast<int>(r));
  MpiMeeting world(MPI_COMM_WORLD);
  left_out_ = world.agree(why);
  if (ranks_.size() == 1) why_not_ = "one GPU for all ranks of the job";
  // Rank 0 writes the results.
  if (ranks_.empty() || ranks_[0] != 0) why_not_ = "no GPU: " + left_out_;
  if (!why_not_.empty()) ranks_.clear(), device_.reset();
  if (device_) memory_ = std::make_unique<DeviceMemory>(*device_);
  // A back end that is not CUDA has memory of the host.
  not_by_mpi_ = world.agree(device_ && device_->backend().is_cuda() ? not_cuda_aware() : "");
}

RankDevices::~RankDevices() = default;

std::vector<RankSubset> RankDevices::subsets(const std::vector<RankPlace>& places) const {
  std::vector<RankPlace> with_device;
  for (const int rank : ranks_) with_device.push_back(places[static_cast<std::size_t>(rank)]);
  auto found = rank_subsets(with_device);
  for (RankSubset& subset : found)
    for (int& rank : subset.ranks) rank = ranks_[static_cast<std::size_t>(rank)];
  return found;
}

std::vector<MpiCase> RankDevices::cases(const std::vector<RankSubset>& subsets, bool quick,
                                        const std::vector<std::string>& names) {
  std::vector<MpiCase> all;
  const auto add = [&](const char* probe, const RankSubset& subset, const char* by, Sent sent,
                       std::int64_t most) {
    const int ranks = static_cast<int>(subset.ranks.size());
    for (std::int64_t size = least_bytes; size <= (quick ? std::min(most, most_quick) : most);
         size *= quick ? 16 : 4) {
      // Our kernels take 8 bytes at a time; blocks are as long as each other.
      const std::int64_t unit = 8 * std::int64_t{ranks}, bytes = size / unit * unit;
      if (bytes == 0) continue;
      all.push_back({probe, subset, bytes, by, sent == Sent::graph ? "graph" : "stream", this});
    }
  };
  for (const RankSubset& subset : subsets) {
    for (const MpiProbeName& probe : device_probe_names) {
      const bool of_two = of_two_ranks(probe.name);
      if (!is_named(probe, names) || (of_two && subset.ranks.size() != 2)) continue;
      if (not_by_mpi_.empty()) add(probe.name, subset, "MPI", Sent::stream, most_bytes);
      if (collective_of(probe.name) == nullptr) continue;
      for (const Sent sent : {Sent::stream, Sent::graph})
        add(probe.name, subset, "NCCL", sent, most_bytes);
      if (probe.name != std::string("device.allreduce") || subset.nodes > 1 ||
          subset.ranks.size() > gpu::most_ranks)
        continue;
      for (const auto kind : {gpu::AllReduce::one_shot, gpu::AllReduce::two_shot})
        add(probe.name, subset, gpu::name(kind), Sent::graph, most_own);
    }
  }
  return all;
}

std::unique_ptr<Operation> RankDevices::operation(const MpiCase& c, MPI_Comm comm) {
  int rank = 0;
  MPI_Comm_rank(comm, &rank);
  disturbance_.emplace(nvml_, device_->properties().pci).begin();
  Group& group = groups_.try_emplace(c.subset.ranks, comm).first->second;
  const gpu::DeviceRanks ranks(*device_, static_cast<std::size_t>(rank),
                               static_cast<std::size_t>(c.ranks()), group.meeting);
  const auto bytes = static_cast<std::size_t>(c.bytes);
  const Sent sent = c.sent == "graph" ? Sent::graph : Sent::stream;
  try {
    if (c.by == "MPI") {
      std::unique_ptr<Operation> made;
      ranks.together([&] { made = by_library(c, comm, *memory_); });
      return made;
    }
    if (c.by == "NCCL") {
      if (!group.nccl && group.no_nccl.empty()) group.nccl = gpu::Nccl::open(ranks, group.no_nccl);
      if (!group.nccl) throw CannotRun(group.no_nccl);
      return nccl_operation(ranks, *group.nccl, *collective_of(c.probe), bytes, sent);
    }
    if (!group.peers && group.no_peers.empty()) {
      try {
        group.peers = std::make_unique<gpu::Peers>(ranks, most_own);
      } catch (const gpu::DeviceError& e) {
        group.no_peers = e.what();
      }
    }
    if (!group.peers) throw CannotRun(group.no_peers);
    const auto kind = c.by == gpu::name(gpu::AllReduce::one_shot) ? gpu::AllReduce::one_shot
                                                                  : gpu::AllReduce::two_shot;
    return own_all_reduce(ranks, *group.peers, kind, bytes, sent);
  } catch (const gpu::DeviceError& e) {
    // One that all ranks have agreed upon. Another is the end of the job: the others wait.
    if (e.not_supported()) throw CannotRun(e.what());
    throw;
  }
}

std::uint32_t RankDevices::marks() {
  if (!device_) return 0;
  // Another process on the device may be the one that started this rank.
  std::uint32_t marks = disturbance_ ? disturbance_->end() & results::throttled : 0u;
  if (device_->properties().emulated) marks |= results::emulated;
  return marks;
}

void RankDevices::finish() {
  for (auto& [ranks, group] : groups_) {
    group.nccl.reset();
    if (group.peers) group.peers->close();
    group.peers.reset();
  }
}

}  // namespace limen::probes
