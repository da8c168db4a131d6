#include "probes/mpi_meeting.hpp"

#include <fmt/format.h>

namespace limen::probes {

std::string MpiMeeting::agree(const std::string& complaint) {
  int rank = 0, ranks = 0;
  MPI_Comm_rank(comm_, &rank);
  MPI_Comm_size(comm_, &ranks);
  int first = complaint.empty() ? ranks : rank;
  MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, comm_);
  if (first == ranks) return {};
  std::string text = rank == first ? fmt::format("rank {}: {}", rank, complaint) : "";
  int length = static_cast<int>(text.size());
  MPI_Bcast(&length, 1, MPI_INT, first, comm_);
  text.resize(static_cast<std::size_t>(length));
  MPI_Bcast(text.data(), length, MPI_CHAR, first, comm_);
  return text;
}

std::vector<gpu::Backend::Handle> MpiMeeting::gather(const gpu::Backend::Handle& mine) {
  int ranks = 0;
  MPI_Comm_size(comm_, &ranks);
  std::vector<gpu::Backend::Handle> all(static_cast<std::size_t>(ranks));
  MPI_Allgather(&mine, sizeof mine, MPI_BYTE, all.data(), sizeof mine, MPI_BYTE, comm_);
  return all;
}

}  // namespace limen::probes
