// The collectives that move a vector of fp32 in blocks, one a rank: all-gather, reduce-scatter,
// all-to-all, and the broadcast of a whole vector. Expert parallelism pays the first three, a
// pipeline the last.
//
// The message of an execution is the longest vector at a rank, as nccl-tests counts it and the
// model asks for it: what a rank has after an all-gather, before a reduce-scatter, what it sends in
// an all-to-all. Claims, at one rank of p, for a message of n bytes:
//
//   all-gather      read n/p, write n        reduce-scatter  read n, write n/p, add n/4 (p-1)/p
//   times all-to-all      read n,   write n        broadcast       read n (at the root), write n
//   (elsewhere)
#pragma once

#include "kernels/mpi/operation.hpp"

namespace limen::kernels::mpi {

// One kind: what is called, what goes in and what has to come out. `block` counts elements.
struct BlockKind {
  void (*run)(const float* in, float* out, int block, MPI_Comm comm);
  bool whole_in, whole_out;  // the vector is of all blocks, else of one
  bool rooted;               // the first rank sends its `out`, and may leave before the others come
  float (*put)(int rank, std::size_t i);                                 // in[i] of a rank
  float (*want)(int rank, int ranks, std::size_t block, std::size_t i);  // out[i] of a rank
  int additions;                                                         // at an element, a peer
};
extern const BlockKind all_gather, reduce_scatter, all_to_all, broadcast;

class Blocks : public Operation {
 public:
  // `bytes` is a multiple of 4 for each rank.
  Blocks(const BlockKind& kind, MPI_Comm comm, std::size_t bytes, Memory& memory = host_memory());
  void run() override { kind_.run(in_.data(), out_.data(), static_cast<int>(block_), comm_); }
  bool verify() override;
  bool synchronizes() const override { return !kind_.rooted; }
  static model::Work claim(const BlockKind& kind, std::size_t bytes, int ranks);

 private:
  BlockKind kind_;
  MPI_Comm comm_;
  int rank_ = 0, ranks_ = 1;
  std::size_t block_;
  Buffer<float> in_, out_;
};

// Bytes of the longest vector of `bytes` at most that has as many elements for each rank; 0: none.
std::size_t divisible(std::size_t bytes, int ranks);

}  // namespace limen::kernels::mpi
