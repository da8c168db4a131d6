// Evaluates consecutive configurations of a grid: what depends on the model and the partition, or
// on the machine alone, once for as many as share it; the rest side by side in lanes where the core
// is smooth, one by one where it is not. Both give the bits of evaluate() in model/evaluate.hpp.
#pragma once

#include <memory>
#include <vector>

#include "model/evaluate.hpp"
#include "model/parameter_slot.hpp"
#include "model/sweep/draws.hpp"
#include "model/sweep/grid.hpp"
#include "model/sweep/lot.hpp"

namespace limen::model {

// For one thread. The grid must outlive it.
class Evaluator {
 public:
  explicit Evaluator(const Grid& grid, SimdTarget target = best_target());

  // Configurations first ... first + n - 1, n <= Figures::most, into out[0...].
  void evaluate(std::uint64_t first, std::size_t n, Figures& out);

  // The same, each by evaluate() alone: what the lanes are held against.
  void evaluate_plainly(std::uint64_t first, std::size_t n, Figures& out);

 private:
  // A machine of the grid, with what moves its parameters.
  struct Prepared {
    Machine machine;
    std::vector<Setter> setters;
    std::vector<Draws> draws;  // none or one
  };

  void move_to(std::size_t changed);
  void choose_rates();
  void flush(Figures& out, std::size_t end);
  void one_by_one(std::uint64_t n, Figures& out, std::size_t at);
  Case here() const;

  const Grid& grid_;
  SimdTarget target_;
  std::vector<std::unique_ptr<Prepared>> machines_;
  Odometer at_;
  std::uint64_t next_;  // the configuration at which at_ stands

  // Of where at_ stands:
  Prepared* prepared_ = nullptr;
  const Transformer* transformer_ = nullptr;
  Workload workload_;
  Partition partition_;
  bool routed_ = false;        // the model has experts
  bool plain_ = false;         // conventions of counting: no lanes
  Demand demand_;              // for its exchanges
  bool demand_known_ = false;  // they are those of this batch, if that matters
  bool rates_known_ = false;   // rates_.back() are those of this machine and batch
  bool follows_batch_ = true;  // rates depend on the size of messages

  // The lot that is being gathered.
  std::vector<double> batch_, context_;
  std::vector<std::uint32_t> which_;
  std::vector<Rates> rates_;
  std::vector<char> possible_;  // beside rates_
  std::size_t lot_begin_ = 0, lot_size_ = 0;
};

}  // namespace limen::model
