#include "probes/mpi_world.hpp"

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "probes/host.hpp"
#include "probes/mpi_cores.hpp"

namespace limen::probes {
namespace {

// The ranks that share memory with this one.
class HostRanks {
 public:
  explicit HostRanks(MPI_Comm comm) {
    MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &comm_);
  }
  ~HostRanks() { MPI_Comm_free(&comm_); }
  HostRanks(const HostRanks&) = delete;
  HostRanks& operator=(const HostRanks&) = delete;
  MPI_Comm comm() const { return comm_; }

 private:
  MPI_Comm comm_ = MPI_COMM_NULL;
};

}  // namespace

MpiWorld::MpiWorld() {
  int threads = 0;  // others may run beside the one that calls MPI
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &threads);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
}

MpiWorld::~MpiWorld() { MPI_Finalize(); }

std::string MpiWorld::host() const {
  char name[MPI_MAX_PROCESSOR_NAME];
  int length = 0;
  MPI_Get_processor_name(name, &length);
  return {name, static_cast<std::size_t>(length)};
}

std::string MpiWorld::mpi_library() const {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string all(text, static_cast<std::size_t>(length));
  return all.substr(0, all.find_first_of(std::string_view("\n\r\0", 3)));
}

void MpiWorld::abort(const std::string& why, int code) const {
  std::fprintf(stderr, "limen: rank %d on %s: %s\n", rank_, host().c_str(), why.c_str());
  std::fflush(stderr);
  MPI_Abort(MPI_COMM_WORLD, code);
  std::abort();
}

SubsetRanks::SubsetRanks(const std::vector<int>& ranks) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const auto at = std::find(ranks.begin(), ranks.end(), rank);
  MPI_Comm_split(MPI_COMM_WORLD, at != ranks.end() ? 0 : MPI_UNDEFINED,
                 static_cast<int>(at - ranks.begin()), &comm_);
}

SubsetRanks::~SubsetRanks() {
  if (comm_ != MPI_COMM_NULL) MPI_Comm_free(&comm_);
}

std::vector<RankPlace> rank_places(MPI_Comm comm) {
  const HostRanks host(comm);
  int ranks = 0;
  MPI_Comm_size(comm, &ranks);
  int mine[2] = {0, socket_of(allowed_cpus())};
  MPI_Comm_rank(comm, &mine[0]);
  MPI_Bcast(mine, 1, MPI_INT, 0, host.comm());  // the lowest rank of the host has rank 0 in it
  std::vector<int> all(2 * static_cast<std::size_t>(ranks));
  MPI_Allgather(mine, 2, MPI_INT, all.data(), 2, MPI_INT, comm);
  std::vector<RankPlace> places;
  for (std::size_t i = 0; i < all.size(); i += 2) places.push_back({all[i], all[i + 1]});
  return places;
}

bool oversubscribed(MPI_Comm comm) {
  const HostRanks host(comm);
  cpu_set_t mine = allowed_cpus(), all;
  CPU_ZERO(&all);
  MPI_Allreduce(&mine, &all, sizeof mine, MPI_BYTE, MPI_BOR, host.comm());
  int ranks_here = 0;
  MPI_Comm_size(host.comm(), &ranks_here);
  int cores = count_cores(all);
  const double quota = cgroup_limits().cpus;
  if (quota > 0) cores = std::min(cores, std::max(1, static_cast<int>(quota)));
  int crowded = ranks_here > cores ? 1 : 0, anywhere = 0;
  MPI_Allreduce(&crowded, &anywhere, 1, MPI_INT, MPI_MAX, comm);
  return anywhere != 0;
}

}  // namespace limen::probes
