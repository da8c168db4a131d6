// Finds the partition and the batch that serve a goal best, among all that the machine has room
// for.
//
// Tried are the powers of two and what divides evenly (query heads over tp, layers over pp, devices
// over dp; experts and ranks over ep). With a partition fixed, tokens/s of a user fall and tokens/s
// of the system grow with the batch, but for steps where a collective's law changes with the size
// of its message: between those the best batch is found by bisection, exactly.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "model/prediction.hpp"

namespace limen::model {

// What to find: 0 stands for all values that are possible.
struct Space {
  int tp = 1, pp = 1, ep = 1, dp = 1;
  double batch = 1;
  constexpr bool open() const { return !(tp && pp && ep && dp && batch > 0); }
};

// The best rate of one user; or of the whole machine, with at least a given rate for each user.
enum class Goal { utps, stps };

// Powers of two and divisors of n, up to `most`, in order; at least 1.
inline std::vector<int> even_counts(std::int64_t n, std::int64_t most) {
  std::vector<int> out{1};
  auto add = [&](std::int64_t i) {
    if (i > 1 && i <= most) out.push_back(int(i));
  };
  for (std::int64_t i = 2; i <= most; i *= 2) add(i);
  for (std::int64_t i = 1; i * i <= n; ++i) {
    if (n % i == 0) add(i), add(n / i);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// All partitions of a space, those that cannot be run among them only where the space names them.
// Without experts dp is 1 unless named: replicas of the whole model are instances, counted apart.
inline std::vector<Partition> partitions(const Machine& m, const Transformer& t, const Space& s) {
  const std::int64_t ranks = std::int64_t(m.devices) * m.ranks_per_device;
  std::int64_t heads = 1, experts = 0;
  for (const auto& a : t.attention) heads = a.layers > 0 ? a.query_heads : heads;
  for (const auto& f : t.feed_forward) experts = f.layers > 0 && f.experts ? f.experts : experts;
  auto choices = [](int named, std::int64_t n, std::int64_t most) {
    return named ? std::vector<int>{named} : even_counts(n, most);
  };
  std::vector<Partition> out;
  for (int tp : choices(s.tp, heads, ranks)) {
    for (int pp : choices(s.pp, t.layers(), std::min(ranks / tp, t.layers()))) {
      const std::int64_t room = ranks / (std::int64_t(tp) * pp);
      for (int dp : choices(s.dp, ranks, experts ? room : 1)) {
        const std::int64_t stage = std::int64_t(tp) * dp;
        for (int ep : choices(s.ep, experts, experts ? std::min(stage, experts) : 1)) {
          const bool even = stage % ep == 0 && (experts == 0 || experts % ep == 0);
          if (s.ep || even) out.push_back({.tp = tp, .pp = pp, .ep = ep, .dp = dp});
        }
      }
    }
  }
  return out;
}

// Copies of a partitioned model that the machine has devices for.
inline int instances(const Machine& m, Partition p) { return m.devices / devices_needed(m, p); }

// A case as a search sees it: one partition of one machine, whose batch varies. The conventions are
// applied to the machine already.
class Candidate {
 public:
  static constexpr double most_sequences = 1 << 20;  // where no capacity is known

  Candidate(const Machine& m, Case c) : machine_(&m), case_(c) {
    case_.workload.batch = c.partition.dp;
    const Passes d = passes_of(case_);
    const Bytes capacity = rates(m, case_, d).model.capacity;
    const double room = (capacity - d.weights_held) / d.kv_per_sequence;
    largest_ = whole(std::min(room, most_sequences));
    fill_ = (d.weights_held + case_.workload.batch * d.kv_per_sequence) / capacity;
    // The last batches before a message outgrows a law.
    for_each_collective(m, [&](const std::string&, const auto& pieces) {
      for (const auto& piece : pieces) {
        for (const Demand* pass : {&d.model, &d.draft}) {
          for (int i = 0; i < pass->exchange_count; ++i) {
            const double at =
                double(piece.from / pass->exchanges[std::size_t(i)].bytes) * c.partition.dp;
            const double before = whole(std::ceil(at) - 1);
            if (before >= c.partition.dp && before < largest_) ends_.push_back(before);
          }
        }
      }
    });
    if (largest_ > 0) ends_.push_back(largest_);
    std::sort(ends_.begin(), ends_.end());
    ends_.erase(std::unique(ends_.begin(), ends_.end()), ends_.end());
  }

  double smallest() const { return case_.partition.dp; }
  double largest() const { return largest_; }  // that fits; 0: none
  double fill() const { return fill_; }        // of the memory, with the smallest batch
  const Case& at(double batch) {
    case_.workload.batch = batch;
    return case_;
  }
  double utps(double batch) {
    const Passes d = passes_of(at(batch));
    const double step = calibrated_step(rates(*machine_, case_, d), d).total.in(seconds);
    return case_.drafts.tokens_per_step() / step;
  }

  // For each range of batches under the same laws, the largest with good(batch), which must not
  // hold again once it has failed; f(batch).
  template <class G, class F>
  void largest_where(G&& good, F&& f) const {
    double low = smallest();
    for (double high : ends_) {
      if (good(high)) {
        f(high);
      } else if (good(low)) {
        double a = low, b = high;  // good, not good
        while (b - a > smallest()) {
          const double middle = whole((a + b) / 2);
          (good(middle) ? a : b) = middle;
        }
        f(a);
      }
      low = high + smallest();
    }
  }

 private:
  double whole(double batch) const {  // shares for all attention replicas
    return batch < smallest() ? 0 : std::floor(batch / smallest()) * smallest();
  }
  const Machine* machine_;
  Case case_;
  double largest_ = 0, fill_ = 0;
  std::vector<double> ends_;
};

struct Found {
  Partition partition;
  double batch = 0;
  double utps = 0;    // tokens/s of a user
  int instances = 1;  // of this partition, on all devices of the machine
  double stps = 0;    // tokens/s of all instances
};

struct Search {
  std::vector<Found> found;  // each partition with its best batch; the best first
  // If nothing was found: what comes closest. `utps` is 0 if it cannot be run, and predict() says
  // why.
  Found closest;
};

// How far something is from feasible: the kind first, too slow before too large before what cannot
// be run; then by how much.
struct Miss {
  enum Kind { slow, large, unrunnable, unknown } kind;
  double by;
  static constexpr Miss most() { return {unknown, 0}; }
  friend constexpr bool operator<(Miss a, Miss b) {
    return a.kind != b.kind ? a.kind < b.kind : a.by < b.by;
  }
};

// `like` gives the model, the context and the formats; its batch and partition are not looked at.
inline Search search(const Machine& given, const Case& like, const Space& space, Goal goal,
                     double at_least = 0) {
  const Machine m = like.conventions.applied(given);
  Search out;
  Miss missed = Miss::most();
  auto miss = [&](Miss by, const Found& f) {
    if (by < missed) out.closest = f, missed = by;
  };
  for (const Partition& p : partitions(m, *like.transformer, space)) {
    Case c = like;
    c.partition = p;
    c.workload.batch = space.batch > 0 ? space.batch : p.dp;
    Found f{p, c.workload.batch, 0, 1, 0};
    if (!impossible(m, c).empty()) {
      miss({Miss::unrunnable, 0}, f);
      continue;
    }
    f.instances = instances(m, p);
    const double streams = busy_stages(*like.transformer, p.pp) * f.instances;
    Candidate candidate(m, c);
    Found best = f;
    auto consider = [&](double batch) {
      f.batch = batch;
      f.utps = candidate.utps(batch);
      f.stps = f.utps * batch * streams;
      const bool better = goal == Goal::utps ? f.utps > best.utps : f.stps > best.stps;
      if (f.utps < at_least) {
        miss({Miss::slow, at_least / f.utps}, f);
      } else if (better) {
        best = f;
      }
    };
    const double first = space.batch > 0 ? space.batch : candidate.smallest();
    if (first > candidate.largest()) {
      miss({Miss::large, candidate.fill()}, f);
    } else if (space.batch > 0 || goal == Goal::utps) {
      consider(first);
    } else {
      candidate.largest_where([&](double batch) { return candidate.utps(batch) >= at_least; },
                              consider);
      if (best.utps == 0) consider(first);  // says how far off it is
    }
    if (best.utps > 0) out.found.push_back(best);
  }
  std::stable_sort(out.found.begin(), out.found.end(), [&](const Found& a, const Found& b) {
    const double x = goal == Goal::utps ? a.utps : a.stps, y = goal == Goal::utps ? b.utps : b.stps;
    if (x != y) return x > y;
    return goal == Goal::utps ? a.stps > b.stps : a.utps > b.utps;
  });
  return out;
}

}  // namespace limen::model
