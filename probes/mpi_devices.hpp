// The devices of a job's ranks: a GPU for each rank of a host, as many as there are, and the
// collectives between their memories as cases of the job (device.*).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/cuda/nccl.hpp"
#include "kernels/cuda/peers.hpp"
#include "probes/mpi_cases.hpp"
#include "probes/mpi_device_operations.hpp"
#include "probes/mpi_meeting.hpp"
#include "probes/mpi_probes.hpp"
#include "probes/nvml.hpp"

namespace limen::probes {

class RankDevices : public DeviceCases {
 public:
  // Collective over the world. Rank k of a host takes its k-th device that CUDA shows it (so that
  // CUDA_VISIBLE_DEVICES counts, however it is set for each rank).
  explicit RankDevices(const OpenBackend& open);
  ~RankDevices() override;

  // Of the world, those that have a device for themselves, ascending.
  const std::vector<int>& ranks() const { return ranks_; }
  // One line at every rank: why fewer than two ranks have one, or empty.
  const std::string& why_not() const { return why_not_; }
  // Why a rank has none that works, or empty.
  const std::string& left_out() const { return left_out_; }
  // Why there is nothing by MPI itself, or empty.
  const std::string& not_by_mpi() const { return not_by_mpi_; }
  // Of every rank's device its name and where it is; empty if the rank has none.
  const std::vector<std::string>& descriptions() const { return descriptions_; }
  // As rank_subsets(), of those ranks.
  std::vector<RankSubset> subsets(const std::vector<RankPlace>& places) const;

  std::vector<MpiCase> cases(const std::vector<RankSubset>& subsets, bool quick,
                             const std::vector<std::string>& names);

  std::unique_ptr<kernels::mpi::Operation> operation(const MpiCase& c, MPI_Comm comm) override;
  std::uint32_t marks() override;

  // Collective, when all is done: takes apart what ranks have in common, while all of them are
  // there.
  void finish();

 private:
  struct Group {  // the ranks of a subset, and what they share
    explicit Group(MPI_Comm comm) : meeting(comm) {}
    MpiMeeting meeting;
    std::unique_ptr<gpu::Nccl> nccl{};
    std::unique_ptr<gpu::Peers> peers{};
    std::string no_nccl{}, no_peers{};
  };

  std::unique_ptr<gpu::Backend> backend_;  // outlives what follows
  std::unique_ptr<gpu::Device> device_;
  std::unique_ptr<DeviceMemory> memory_;
  Nvml nvml_;
  std::optional<Disturbance> disturbance_;  // of the last operation's device
  std::vector<int> ranks_;
  std::vector<std::string> descriptions_;
  std::string why_not_, left_out_, not_by_mpi_;
  std::map<std::vector<int>, Group> groups_;
};

}  // namespace limen::probes
