// Steps whose contexts grow evenly, as an answer is decoded or a prompt is taken in by chunks: the
// exact sum of a function of their demand, without running through all of them.
//
// The demand of a step is linear in its context but where a window fills or a chunk of the cache
// begins anew. Between those, the time of a step that reads one tier of memory is convex, so that
// it is linear over a range if in the middle it is the mean of the ends. Tiers add bends the other
// way, where the last expert leaves the fast one: a range is then missed only if its bends cancel
// in the middle.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/prediction.hpp"

namespace limen::model {

// The demand a share x of the way from a to b, of steps that differ in their context alone.
inline Demand between(const Demand& a, const Demand& b, double x) {
  Demand d = a;
  auto mix = [x](auto from, auto to) { return from + x * (to - from); };
  for (std::size_t i = 0; i < d.parts.size(); ++i) {
    const auto &from = a.parts[i], &to = b.parts[i];
    d.parts[i].weights = mix(from.weights, to.weights);
    d.parts[i].work = {mix(from.work.read, to.work.read), mix(from.work.written, to.work.written),
                       mix(from.work.flops, to.work.flops)};
  }
  d.scalar = mix(a.scalar, b.scalar);
  d.kv_per_sequence = mix(a.kv_per_sequence, b.kv_per_sequence);
  d.kv_held = mix(a.kv_held, b.kv_held);
  return d;
}

inline Passes between(const Passes& a, const Passes& b, double x) {
  Passes p = a;
  p.model = between(a.model, b.model, x);
  p.draft = between(a.draft, b.draft, x);
  p.kv_per_sequence = a.kv_per_sequence + x * (b.kv_per_sequence - a.kv_per_sequence);
  return p;
}

class Series {
 public:
  // `first` is the first step; the context of each next one is longer by `stride`. steps >= 1.
  Series(Case first, double stride, long long steps) : steps_(steps) {
    const double from = first.workload.context;
    auto demand_at = [&](long long step) {
      first.workload.context = from + double(step) * stride;
      return passes_of(first);
    };
    // Contexts after which a new range begins, as numbers of steps.
    std::vector<long long> last{steps - 1};
    auto range_ends = [&](double context) {
      const double step = std::floor((context - from) / stride);
      if (step >= 0 && step < double(steps - 1)) last.push_back(static_cast<long long>(step));
    };
    // Of a pass over `more` tokens beside the first, in contexts that are `ahead` of the step's.
    auto pass_ends = [&](const Transformer& t, double ahead, double more) {
      const double end = from + double(steps - 1) * stride + ahead + more;
      for (const AttentionLayers& a : t.attention) {
        for (const auto limit : {a.window, a.index_top}) {
          const double most = double(limit);
          if (a.layers == 0 || limit == 0) continue;
          // All new tokens see less than the most; some do, and what they see together is quadratic
          // in the context, so that each step stands alone; none does.
          double full = a.chunked ? std::floor(from / most) * most : most;
          for (; full <= end; full += most) {
            for (double c = full - more; c < full; c += stride) range_ends(c - ahead);
            range_ends(full - ahead);
            if (!a.chunked) break;
          }
        }
      }
    };
    const Drafts& drafts = first.drafts;
    pass_ends(*first.transformer, 0, first.workload.tokens - 1 + drafts.tokens);
    if (drafts.passes() > 0) pass_ends(*drafts.by, (drafts.tokens - 1) * 0.5, 0);
    std::sort(last.begin(), last.end());
    last.erase(std::unique(last.begin(), last.end()), last.end());
    long long begin = 0;
    for (const long long l : last) {
      const Passes d = demand_at(begin);
      runs_.push_back({d, l > begin ? demand_at(l) : d, l - begin + 1});
      begin = l + 1;
    }
  }

  long long steps() const { return steps_; }
  const Passes& first() const { return runs_.front().first; }
  const Passes& last() const { return runs_.back().last; }

  // Sum of time(demand) over all steps.
  template <class F>
  double sum(F&& time) const {
    double total = 0;
    for (const Run& r : runs_) {
      auto at = [&](long long i) {
        if (i == 0) return time(r.first);
        if (i == r.steps - 1) return time(r.last);
        return time(between(r.first, r.last, double(i) / double(r.steps - 1)));
      };
      total += sum(at, 0, at(0), r.steps - 1, at(r.steps - 1));
    }
    return total;
  }

  // The demand of a step of mean context in each range, averaged.
  Passes mean() const {
    Passes d = runs_.front().first;
    double steps = 0;
    for (const Run& r : runs_) {
      steps += double(r.steps);
      d = between(d, between(r.first, r.last, 0.5), double(r.steps) / steps);
    }
    return d;
  }

 private:
  struct Run {
    Passes first, last;
    long long steps;
  };
  // Over steps a to b of a run, whose times are known.
  template <class F>
  static double sum(F& at, long long a, double time_a, long long b, double time_b) {
    if (a == b) return time_a;
    if (b - a == 1) return time_a + time_b;
    const long long m = a + (b - a) / 2;
    const double time_m = at(m);
    const double straight = time_a + (time_b - time_a) * double(m - a) / double(b - a);
    if (std::fabs(time_m - straight) <= 1e-12 * time_m)
      return 0.5 * (time_a + time_b) * double(b - a + 1);
    return sum(at, a, time_a, m, time_m) + sum(at, m, time_m, b, time_b) - time_m;
  }

  std::vector<Run> runs_;
  long long steps_;
};

}  // namespace limen::model
