// All weights of a model's slice in memory, in bf16, int8 or int4: each thread's part in its own
// buffer, touched first by it, as the products want them: four bands that run through the four
// quarters of the buffer, matrix after matrix, scales behind all weights.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/cpu/buffer.hpp"
#include "kernels/cpu/matrix.hpp"

namespace limen::kernels {

class Team;

struct Matrix {
  Shape shape;
  std::vector<Shard> shards;  // by member
};

// Fills in one row of small integers and its groups' scales, or the one scale of a row in bf16: a
// power of two.
using RowSource = std::function<void(std::size_t matrix, std::size_t row, std::vector<int>& weight,
                                     std::vector<float>& scale)>;

// A matrix is split over the members by rows; or it is the number `index` of `of` matrices that are
// dealt out whole.
struct Placed {
  Shape shape;
  std::size_t index = 0, of = 0;
};

class Weights {
 public:
  explicit Weights(std::vector<Placed> placed) : placed_(std::move(placed)) {}

  std::size_t bytes() const;  // of all, before or after make()
  // Reserves and fills: with what `source` says, or at random, of zero mean and a variance of about
  // 1 / cols, so that a layer neither blows up what passes through it nor lets it fade.
  void make(Team& team, const RowSource& source);
  void make(Team& team, std::uint64_t seed);

  const Matrix& operator[](std::size_t matrix) const { return matrices_[matrix]; }

 private:
  void reserve(Team& team);

  std::vector<Placed> placed_;
  std::vector<Matrix> matrices_;
  std::vector<Buffer> memory_;  // by member
};

}  // namespace limen::kernels
