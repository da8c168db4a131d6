#include "kernels/mpi/blocks.hpp"

namespace limen::kernels::mpi {
namespace {

int ranks_of(MPI_Comm comm) {
  int ranks = 0;
  MPI_Comm_size(comm, &ranks);
  return ranks;
}

// Differs between ranks at every place, and between places that are a block apart: blocks are
// powers of two or nearly so, and 1021 is a prime. Sums over 4000 ranks are exact.
float pattern(int rank, std::size_t i) {
  return static_cast<float>(static_cast<std::size_t>(rank) + 1 + i % 1021);
}

void run_all_gather(const float* in, float* out, int block, MPI_Comm comm) {
  MPI_Allgather(in, block, MPI_FLOAT, out, block, MPI_FLOAT, comm);
}
float gathered(int, int, std::size_t block, std::size_t i) {
  return pattern(static_cast<int>(i / block), i % block);
}

void run_reduce_scatter(const float* in, float* out, int block, MPI_Comm comm) {
  MPI_Reduce_scatter_block(in, out, block, MPI_FLOAT, MPI_SUM, comm);
}
float reduced(int rank, int ranks, std::size_t block, std::size_t i) {
  const auto p = static_cast<std::size_t>(ranks), at = static_cast<std::size_t>(rank) * block + i;
  return static_cast<float>(p * (at % 1021) + p * (p + 1) / 2);
}

void run_all_to_all(const float* in, float* out, int block, MPI_Comm comm) {
  MPI_Alltoall(in, block, MPI_FLOAT, out, block, MPI_FLOAT, comm);
}
float exchanged(int rank, int, std::size_t block, std::size_t i) {
  return pattern(static_cast<int>(i / block), static_cast<std::size_t>(rank) * block + i % block);
}

void run_broadcast(const float*, float* out, int block, MPI_Comm comm) {
  MPI_Bcast(out, block * ranks_of(comm), MPI_FLOAT, 0, comm);
}
float sent(int, int, std::size_t, std::size_t i) { return pattern(0, i); }

}  // namespace

const BlockKind all_gather{run_all_gather, false, true, false, pattern, gathered, 0};
const BlockKind reduce_scatter{run_reduce_scatter, true, false, false, pattern, reduced, 1};
const BlockKind all_to_all{run_all_to_all, true, true, false, pattern, exchanged, 0};
const BlockKind broadcast{run_broadcast, false, true, true, pattern, sent, 0};

std::size_t divisible(std::size_t bytes, int ranks) {
  const std::size_t each = sizeof(float) * static_cast<std::size_t>(ranks);
  return bytes / each * each;
}

Blocks::Blocks(const BlockKind& kind, MPI_Comm comm, std::size_t bytes, Memory& memory)
    : kind_(kind),
      comm_(comm),
      ranks_(ranks_of(comm)),
      block_(bytes / sizeof(float) / static_cast<std::size_t>(ranks_)),
      in_(block_ * static_cast<std::size_t>(kind.whole_in ? ranks_ : 1), memory),
      out_(block_ * static_cast<std::size_t>(kind.whole_out ? ranks_ : 1), memory) {
  MPI_Comm_rank(comm_, &rank_);
}

bool Blocks::verify() {
  in_.set([this](std::size_t i) { return kind_.put(rank_, i); });
  const bool root = kind_.rooted && rank_ == 0;
  out_.set([root](std::size_t i) { return root ? pattern(0, i) : -1; });
  run();
  const std::vector<float> got = out_.get();
  for (std::size_t i = 0; i < got.size(); ++i)
    if (got[i] != kind_.want(rank_, ranks_, block_, i)) return false;
  return true;
}

model::Work Blocks::claim(const BlockKind& kind, std::size_t bytes, int ranks) {
  const auto size = model::bytes(static_cast<double>(bytes));
  const double elements = static_cast<double>(bytes) / sizeof(float);
  return {kind.whole_in || kind.rooted ? size : size / ranks, kind.whole_out ? size : size / ranks,
          model::flops(elements * kind.additions * (ranks - 1) / ranks)};
}

}  // namespace limen::kernels::mpi
