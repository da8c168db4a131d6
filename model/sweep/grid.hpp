// A grid of configurations: lists of what is tried, and the number of each combination.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/conventions.hpp"
#include "model/machine.hpp"
#include "model/transformer.hpp"

namespace limen::model {

struct MachineAxis {
  std::string key;             // of for_each_parameter or for_each_count
  std::vector<double> values;  // in the base unit
};

// Configurations are numbered from 0, the last axis running fastest; the axes are, in this order:
// models, machines, weights, experts, kv, tp, pp, ep, dp, each of machine_axes, draws, batches,
// contexts.
struct Grid {
  std::vector<Transformer> models;
  std::vector<Machine> machines;
  std::vector<Format> weights = {Format::bf16};
  std::vector<Format> experts;  // empty: those of the weights
  std::vector<Format> kv = {Format::bf16};
  std::vector<int> tp = {1}, pp = {1}, ep = {1}, dp = {1};
  std::vector<MachineAxis> machine_axes;
  std::uint64_t draws = 0;  // Monte Carlo; 0: none, the machine as it is
  std::uint64_t seed = 1;
  std::vector<double> batches = {1}, contexts = {4096};
  Conventions conventions;

  enum Place { model, machine, weight, expert, cache, tensor, pipeline, expert_ranks, data, first };
  std::size_t draw_place() const { return first + machine_axes.size(); }
  std::size_t batch_place() const { return draw_place() + 1; }
  std::size_t context_place() const { return draw_place() + 2; }

  // Length of each axis, in order.
  std::vector<std::uint64_t> lengths() const {
    std::vector<std::uint64_t> out = {
        models.size(), machines.size(), weights.size(), experts.empty() ? 1 : experts.size(),
        kv.size(),     tp.size(),       pp.size(),      ep.size(),
        dp.size()};
    for (const auto& a : machine_axes) out.push_back(a.values.size());
    out.push_back(draws == 0 ? 1 : draws);
    out.push_back(batches.size());
    out.push_back(contexts.size());
    return out;
  }

  // The number of configurations; nothing if it is 2^63 or more.
  std::optional<std::uint64_t> points() const {
    std::uint64_t product = 1;
    for (std::uint64_t n : lengths()) {
      if (n != 0 && product >= (std::uint64_t{1} << 63) / n + ((std::uint64_t{1} << 63) % n != 0))
        return std::nullopt;
      product *= n;
    }
    return product;
  }
};

// Where a configuration stands on each axis.
class Odometer {
 public:
  explicit Odometer(const Grid& grid) : lengths_(grid.lengths()), digits_(lengths_.size()) {}

  void seek(std::uint64_t index) {
    for (std::size_t i = digits_.size(); i-- > 0; index /= lengths_[i])
      digits_[i] = index % lengths_[i];
  }
  std::uint64_t operator[](std::size_t place) const { return digits_[place]; }

  // Configurations up to the end of the last axis.
  std::uint64_t run() const { return lengths_.back() - digits_.back(); }

  // Goes n <= run() on; the first place that changed (beyond the end: place 0, and all are zero).
  std::size_t advance(std::uint64_t n) {
    std::size_t place = digits_.size() - 1;
    digits_[place] += n;
    while (digits_[place] == lengths_[place]) {
      digits_[place] = 0;
      if (place == 0) return 0;
      ++digits_[--place];
    }
    return place;
  }

 private:
  std::vector<std::uint64_t> lengths_, digits_;
};

}  // namespace limen::model
