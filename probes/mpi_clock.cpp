#include "probes/mpi_clock.hpp"

#include <time.h>

#include <algorithm>
#include <cmath>

namespace limen::probes {
namespace {

constexpr int exchanges_per_rank = 40;
constexpr int tag = 77;

}  // namespace

std::int64_t clock_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

ClockOffset estimate_offset(const std::vector<Exchange>& exchanges) {
  const Exchange& e = *std::min_element(exchanges.begin(), exchanges.end(),
                                        [](const Exchange& a, const Exchange& b) {
                                          return a.received - a.sent < b.received - b.sent;
                                        });
  // Differences first: a clock that counts nanoseconds since boot has more digits than a double's
  // half can keep.
  const double half = static_cast<double>(e.received - e.sent) / 2;
  return {static_cast<double>(e.sent) + half, static_cast<double>(e.remote - e.sent) - half, half,
          half};
}

double ClockModel::to_common(std::int64_t remote) const {
  const double first = static_cast<double>(remote) - before_.offset;
  if (after_.at <= before_.at) return first;
  const double share = (first - before_.at) / (after_.at - before_.at);
  return first - share * (after_.offset - before_.offset);
}

std::vector<ClockOffset> synchronize(MPI_Comm comm, const std::vector<bool>& same_kernel) {
  int rank = 0, ranks = 0;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  if (rank != 0) {
    for (int i = 0; i < exchanges_per_rank; ++i) {
      std::int64_t reading = 0;
      MPI_Recv(&reading, 1, MPI_INT64_T, 0, tag, comm, MPI_STATUS_IGNORE);
      reading = clock_now();
      MPI_Send(&reading, 1, MPI_INT64_T, 0, tag, comm);
    }
    return {};
  }
  std::vector<ClockOffset> offsets(1);
  offsets[0].at = static_cast<double>(clock_now());
  for (int r = 1; r < ranks; ++r) {
    std::vector<Exchange> exchanges(exchanges_per_rank);
    for (Exchange& e : exchanges) {
      e.sent = clock_now();
      MPI_Send(&e.sent, 1, MPI_INT64_T, r, tag, comm);
      MPI_Recv(&e.remote, 1, MPI_INT64_T, r, tag, comm, MPI_STATUS_IGNORE);
      e.received = clock_now();
    }
    ClockOffset offset = estimate_offset(exchanges);
    if (same_kernel[static_cast<std::size_t>(r)] && std::abs(offset.offset) <= offset.error) {
      offset.offset = offset.error = 0;
    }
    offsets.push_back(offset);
  }
  return offsets;
}

std::vector<bool> ranks_beside_root(MPI_Comm comm) {
  int rank = 0, ranks = 0;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  MPI_Comm host = MPI_COMM_NULL;
  MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &host);
  int first = rank;  // the lowest rank of this host
  MPI_Bcast(&first, 1, MPI_INT, 0, host);
  MPI_Comm_free(&host);
  std::vector<int> firsts(rank == 0 ? static_cast<std::size_t>(ranks) : 0);
  MPI_Gather(&first, 1, MPI_INT, firsts.data(), 1, MPI_INT, 0, comm);
  std::vector<bool> beside;
  for (int f : firsts) beside.push_back(f == 0);
  return beside;
}

}  // namespace limen::probes
