// Ping-pong: a message there and one of the same size back, between two ranks; pipeline parallelism
// pays one way a hop. And the exchange: both ways at once.
//
// Claim of one way, and of one rank's half of the exchange: the message is read at the sender and
// written at the receiver. An execution of the ping-pong is two ways, timed at both ends; half of
// it is one way, without trust in the offset between two clocks.
#pragma once

#include "kernels/mpi/operation.hpp"

namespace limen::kernels::mpi {

class PingPong : public Operation {
 public:
  PingPong(MPI_Comm pair, std::size_t bytes, Memory& memory = host_memory());
  void run() override;
  bool verify() override;
  static model::Work claim(std::size_t bytes);
  int trips() const override { return 2; }
  bool synchronizes() const override {
    return false;
  }  // the second rank may leave before its answer arrives

 protected:
  MPI_Comm pair_;
  int rank_ = 0;
  Buffer<unsigned char> out_, in_;
};

class Exchange : public PingPong {
 public:
  using PingPong::PingPong;
  void run() override;
  int trips() const override { return 1; }
  bool synchronizes() const override { return true; }
};

}  // namespace limen::kernels::mpi
