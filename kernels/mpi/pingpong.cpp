#include "kernels/mpi/pingpong.hpp"

namespace limen::kernels::mpi {
namespace {

constexpr int tag = 1;

// Differs between the ranks at every place, and between places that are a page apart.
unsigned char pattern(int rank, std::size_t i) {
  return static_cast<unsigned char>((i % 251 + i / 4096) * 2 + static_cast<std::size_t>(rank));
}

}  // namespace

PingPong::PingPong(MPI_Comm pair, std::size_t bytes, Memory& memory)
    : pair_(pair), out_(bytes, memory), in_(bytes, memory) {
  MPI_Comm_rank(pair_, &rank_);
}

void PingPong::run() {
  const int n = static_cast<int>(out_.size());
  if (rank_ == 0) {
    MPI_Send(out_.data(), n, MPI_BYTE, 1, tag, pair_);
    MPI_Recv(in_.data(), n, MPI_BYTE, 1, tag, pair_, MPI_STATUS_IGNORE);
  } else {
    MPI_Recv(in_.data(), n, MPI_BYTE, 0, tag, pair_, MPI_STATUS_IGNORE);
    MPI_Send(out_.data(), n, MPI_BYTE, 0, tag, pair_);
  }
}

void Exchange::run() {
  const int n = static_cast<int>(out_.size());
  MPI_Sendrecv(out_.data(), n, MPI_BYTE, 1 - rank_, tag, in_.data(), n, MPI_BYTE, 1 - rank_, tag,
               pair_, MPI_STATUS_IGNORE);
}

bool PingPong::verify() {
  const auto own = [this](std::size_t i) { return pattern(rank_, i); };
  out_.set(own);
  in_.set(own);
  run();
  const std::vector<unsigned char> got = in_.get();
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] != pattern(1 - rank_, i)) return false;
  }
  return true;
}

model::Work PingPong::claim(std::size_t bytes) {
  const auto size = model::bytes(static_cast<double>(bytes));
  return {size, size, model::flops(0.0)};
}

}  // namespace limen::kernels::mpi
