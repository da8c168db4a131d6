#include "model/sweep/evaluator.hpp"

#include <algorithm>

namespace limen::model {
namespace {

constexpr std::size_t slack = Figures::room - Figures::most;

// Below this many configurations in a row lanes are not worth a lot of their own.
constexpr std::uint64_t least_run = 4;

bool has_experts(const Transformer& t) {
  return std::any_of(t.feed_forward.begin(), t.feed_forward.end(),
                     [](const FeedForwardLayers& f) { return f.layers > 0 && f.experts > 0; });
}

// Whether rates() depend on the batch. Of the workload they know formats, and the sizes of
// messages, where a collective's law or its floor is chosen by them.
bool follow_batch(const Machine& m, const Demand& d, Partition p) {
  if (p.dp > 1) return true;  // so does what is possible
  if (m.engine_sequence) return true;
  if (d.exchange_count == 0) return false;
  bool by_size = m.sync_floor.has_value();
  for_each_collective(
      m, [&](const char*, const auto& pieces) { by_size = by_size || !pieces.empty(); });
  return by_size;
}

}  // namespace

Evaluator::Evaluator(const Grid& grid, SimdTarget target)
    : grid_(grid),
      target_(target),
      at_(grid),
      next_(~std::uint64_t{0}),
      batch_(Figures::room),
      context_(Figures::room),
      which_(Figures::room) {
  const Conventions exact;
  plain_ = grid.conventions.binary_terabytes != exact.binary_terabytes ||
           grid.conventions.nominal_parameters != exact.nominal_parameters ||
           grid.conventions.even_kv != exact.even_kv ||
           grid.conventions.syncs_per_layer != exact.syncs_per_layer;
  for (const Machine& m : grid.machines) {
    machines_.push_back(std::make_unique<Prepared>(Prepared{m, {}, {}}));
    Prepared& p = *machines_.back();
    for (const auto& axis : grid.machine_axes) {
      p.setters.push_back(parameter_setter(p.machine, axis.key, "sweep"));
      p.setters.back()(axis.values.front());
    }
    if (grid.draws > 0) p.draws.emplace_back(p.machine, grid.seed);
  }
}

Case Evaluator::here() const {
  Workload w = workload_;
  w.batch = grid_.batches[at_[grid_.batch_place()]];
  w.context = grid_.contexts[at_[grid_.context_place()]];
  return {transformer_, w, partition_, grid_.conventions};
}

// Brings the members into line with at_, of which all places from `changed` on are new.
void Evaluator::move_to(std::size_t changed) {
  const Grid& g = grid_;
  if (changed < Grid::first) {
    prepared_ = machines_[at_[Grid::machine]].get();
    transformer_ = &g.models[at_[Grid::model]];
    workload_.weights = g.weights[at_[Grid::weight]];
    workload_.experts = g.experts.empty() ? workload_.weights : g.experts[at_[Grid::expert]];
    workload_.head = workload_.weights;
    workload_.kv = g.kv[at_[Grid::cache]];
    partition_ = {.tp = g.tp[at_[Grid::tensor]],
                  .pp = g.pp[at_[Grid::pipeline]],
                  .ep = g.ep[at_[Grid::expert_ranks]],
                  .dp = g.dp[at_[Grid::data]]};
    routed_ = has_experts(*transformer_);
    demand_ = demand<double>(*transformer_, here().workload, partition_);
    demand_known_ = true;
    follows_batch_ = follow_batch(prepared_->machine, demand_, partition_);
  }
  if (changed < g.batch_place()) {
    // Draws are about what the axes leave of a parameter, which may move with another's.
    const bool drawn_anew = g.draws > 0 && changed < g.draw_place() && !g.machine_axes.empty();
    if (drawn_anew) prepared_->draws.front().restore();
    for (std::size_t i = changed < Grid::first ? 0 : changed - Grid::first;
         i < g.machine_axes.size(); ++i) {
      prepared_->setters[i](g.machine_axes[i].values[at_[Grid::first + i]]);
    }
    if (drawn_anew) prepared_->draws.front() = Draws(prepared_->machine, g.seed);
    if (g.draws > 0) prepared_->draws.front().apply(at_[g.draw_place()]);
    rates_known_ = false;
  }
  if (changed < g.context_place() && follows_batch_ && g.batches.size() > 1)
    rates_known_ = demand_known_ = false;
}

void Evaluator::choose_rates() {
  if (rates_known_ && !rates_.empty()) return;
  const Case c = here();
  if (!demand_known_) demand_ = demand<double>(*transformer_, c.workload, partition_);
  demand_known_ = true;
  rates_.push_back(rates(prepared_->machine, c.workload, partition_, demand_));
  possible_.push_back(impossible(prepared_->machine, c).empty());
  rates_known_ = true;
}

void Evaluator::one_by_one(std::uint64_t n, Figures& out, std::size_t at) {
  for (std::uint64_t i = 0; i < n; ++i, ++at) {
    const Case c = here();
    const Evaluated e = plain_ ? model::evaluate(grid_.conventions.applied(prepared_->machine), c)
                               : model::evaluate(prepared_->machine, c);
    out.utps[at] = e.utps;
    out.stps[at] = e.stps;
    out.utps_ideal[at] = e.utps_ideal;
    out.stps_ideal[at] = e.stps_ideal;
    out.memory[at] = e.memory;
    out.compute[at] = e.compute;
    out.sync[at] = e.sync;
    out.held[at] = e.held;
    out.factor[at] = e.limits.factor;
    out.binding[at] = e.limits.binding;
    out.next[at] = e.limits.next;
    out.possible[at] = e.possible;
    out.fits[at] = e.fits;
    ++next_;
    move_to(at_.advance(1));
  }
}

void Evaluator::flush(Figures& out, std::size_t end) {
  if (lot_size_ == 0) return;
  for (std::size_t i = 0; i < slack; ++i) {
    batch_[lot_size_ + i] = batch_[lot_size_ - 1];
    context_[lot_size_ + i] = context_[lot_size_ - 1];
    which_[lot_size_ + i] = which_[lot_size_ - 1];
  }
  evaluate_lot({transformer_, workload_, partition_, lot_size_, batch_.data(), context_.data(),
                which_.data(), rates_.data()},
               target_, out, lot_begin_);
  for (std::size_t i = lot_begin_; i < end; ++i) {
    Step s;
    s.memory = seconds(out.memory[i]);
    s.compute = seconds(out.compute[i]);
    s.sync = seconds(out.sync[i]);
    const Binding b = binding(s, out.fill[i]);
    out.binding[i] = b.binding;
    out.next[i] = b.next;
    out.factor[i] = b.factor;
    out.possible[i] = possible_[which_[i - lot_begin_]] != 0;
    out.fits[i] = out.fill[i] <= 1 && out.possible[i];
  }
  lot_size_ = 0;
  // The last rates may be those of the next lot, too.
  if (rates_.size() > 1) {
    rates_.front() = rates_.back();
    possible_.front() = possible_.back();
    rates_.resize(1);
    possible_.resize(1);
  }
}

void Evaluator::evaluate(std::uint64_t first, std::size_t n, Figures& out) {
  if (first != next_) {
    at_.seek(next_ = first);
    rates_.clear();
    possible_.clear();
    move_to(0);
  }
  for (std::size_t done = 0; done < n;) {
    const std::uint64_t run = std::min<std::uint64_t>(n - done, at_.run());
    if (plain_ || in_tiers(prepared_->machine) || (routed_ && run < least_run)) {
      one_by_one(run, out, done);
      done += run;
      continue;
    }
    choose_rates();
    if (lot_size_ == 0) lot_begin_ = done;
    std::fill_n(batch_.begin() + lot_size_, run, grid_.batches[at_[grid_.batch_place()]]);
    std::copy_n(grid_.contexts.begin() + at_[grid_.context_place()], run,
                context_.begin() + lot_size_);
    std::fill_n(which_.begin() + lot_size_, run, static_cast<std::uint32_t>(rates_.size() - 1));
    lot_size_ += run;
    done += run;
    next_ += run;
    const std::size_t changed = at_.advance(run);
    // The next lot begins where the model or the partition changes; with experts, the batch.
    if (done == n || changed < Grid::first || (routed_ && changed < grid_.context_place()))
      flush(out, done);
    move_to(changed);
  }
}

void Evaluator::evaluate_plainly(std::uint64_t first, std::size_t n, Figures& out) {
  at_.seek(next_ = first);
  move_to(0);
  one_by_one(n, out, 0);
}

}  // namespace limen::model
