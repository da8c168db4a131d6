// The frontier of serving: over all partitions and batches, those where no other gives both a user
// and the machine more tokens/s.
#pragma once

#include "model/serving.hpp"

namespace limen::model {

struct ServingQuestion {
  Case like;  // the model, the formats, the conventions
  Request request;
  Space space;                       // of the decoding instances; of both, when interleaved
  double ttft = INFINITY;            // seconds, at most
  double tpot = INFINITY;            // seconds, at most
  bool disaggregate = false;         // prefill on a pool of its own
  int prefill_devices = 0;           // of that pool
  int decode_devices = 0;            // of the other; both 0: as many as serve best
  const Machine* prefill = nullptr;  // where that is another machine
};

struct ServingPoint {
  Pool pool;                    // that decodes
  std::optional<Pool> prefill;  // disaggregated: that prefills
  double batch = 0;             // of a decode step, all attention replicas
  Served now;
  Served ideal, low, high;    // filled in by add_intervals; low and high by value, of 90 %
  Binding limits{};           // of the mean decode step
  bool calibrated = false;    // there is an interval
  bool extrapolated = false;  // more ranks than the collectives were fitted for
};

struct Serving {
  std::vector<ServingPoint> points;  // within the limits on ttft and tpot
  // What comes closest if there is none: too slow, or (batch 0) a partition that cannot.
  ServingPoint closest;
};

// Those that no other point beats in one rate and equals in the other; the fastest for a user
// first.
inline std::vector<ServingPoint> frontier(std::vector<ServingPoint> points) {
  std::stable_sort(points.begin(), points.end(), [](const auto& a, const auto& b) {
    if (a.now.tpot != b.now.tpot) return a.now.tpot < b.now.tpot;
    if (a.now.stps != b.now.stps) return a.now.stps > b.now.stps;
    return a.now.ttft < b.now.ttft;
  });
  std::vector<ServingPoint> out;
  for (auto& p : points) {
    if (out.empty() || p.now.stps > out.back().now.stps) out.push_back(std::move(p));
  }
  return out;
}

namespace detail {

inline Case decode_case(const ServingQuestion& q, Partition p, double batch) {
  Case c = q.like;
  c.partition = p;
  c.workload.batch = batch;
  c.workload.context = double(q.request.input + 1);
  return c;
}
inline Case prefill_case(const ServingQuestion& q, Partition p) {
  return decode_case(q, p, double(p.dp) * q.request.prompts);
}
inline Prefill prefill_of(const ServingQuestion& q, Partition p) {
  return Prefill(prefill_case(q, p), q.request.input, q.request.chunk);
}
inline Series answer_of(const ServingQuestion& q, Partition p, double batch) {
  return Series(decode_case(q, p, batch), 1, q.request.output - 1);
}
// Seconds of the mean step for each token that it gives a user.
inline double mean_step(const Series& s, const Clock& clock) {
  return s.sum(clock(s.first())) / (double(s.steps()) * clock.of->drafts.tokens_per_step());
}

// Batches that are tried besides the largest: two an octave.
inline std::vector<double> ladder(double unit, double first, double largest) {
  std::vector<double> out;
  for (double b = 1; b * unit <= largest; b *= 2) {
    for (double x : {b * unit, b * unit * 1.5}) {
      if (x >= first && x <= largest && std::fmod(x, unit) == 0) out.push_back(x);
    }
  }
  return out;
}

// A way to prefill, on one instance.
struct PrefillOption {
  Pool pool;
  int devices;
  long long chunks;
  PrefillTime time;
};

inline std::vector<PrefillOption> prefill_options(const ServingQuestion& q, const Machine& m) {
  std::vector<PrefillOption> out;
  for (const Partition& p : partitions(m, *q.like.transformer, {0, 0, 0, 0, 1})) {
    Case c = prefill_case(q, p);
    if (!impossible(m, c).empty()) continue;
    c.workload.context = double(q.request.input);
    if (Candidate(m, c).largest() < c.workload.batch) continue;
    const Prefill prefill = prefill_of(q, p);
    out.push_back({{p, 1}, devices_needed(m, p), prefill.chunks(), prefill.time(Clock{&m, &c})});
  }
  return out;
}

}  // namespace detail

// All points of a question on a machine; conventions are applied here.
class ServingSearch {
 public:
  ServingSearch(const Machine& given, const ServingQuestion& q)
      : machine_(q.like.conventions.applied(given)),
        prefill_machine_(q.like.conventions.applied(q.prefill ? *q.prefill : given)),
        q_(q),
        kv_(cached_bytes(q.like, q.request.input)) {
    if (q_.disaggregate) options_ = detail::prefill_options(q_, prefill_machine_);
    for (const Partition& p : partitions(machine_, *q_.like.transformer, q_.space))
      try_partition(p);
  }

  // That tokens/s are of, idle ones among them.
  int devices() const {
    const int all = machine_.devices + (q_.prefill ? prefill_machine_.devices : 0);
    return q_.prefill_devices ? q_.prefill_devices + q_.decode_devices : all;
  }
  // None: the prompts of this question do not fit anywhere.
  bool can_prefill() const { return !q_.disaggregate || !options_.empty(); }
  const Serving& result() const { return result_; }

  // The ideal figures, the limit that binds, and the interval: each parameter of the machines is
  // moved to the ends of its own, and each law by its scatter; effects add in quadrature.
  void add_intervals(ServingPoint& p) const;

 private:
  void try_partition(Partition p);
  void consider(const ServingPoint& p);
  std::optional<ServingPoint> best_split(ServingPoint p, double decode) const;

  Machine machine_, prefill_machine_;
  ServingQuestion q_;
  double kv_;  // bytes of a prompt
  std::vector<detail::PrefillOption> options_;
  Serving result_;
  Miss missed_ = Miss::most();
};

inline void ServingSearch::consider(const ServingPoint& p) {
  const Miss miss{Miss::slow, std::max(p.now.ttft / q_.ttft, p.now.tpot / q_.tpot)};
  if (miss.by <= 1) {
    result_.points.push_back(p);
  } else if (miss < missed_) {
    missed_ = miss;
    result_.closest = p;
  }
}

inline void ServingSearch::try_partition(Partition p) {
  const double unit = p.dp, first = q_.space.batch > 0 ? q_.space.batch : unit * q_.request.prompts;
  Case c = detail::decode_case(q_, p, first);
  c.workload.context = double(q_.request.input + q_.request.output - 1);
  auto cannot = [&](Miss miss) {
    if (!(miss < missed_)) return;
    missed_ = miss;
    result_.closest = {};
    result_.closest.pool.partition = p;
  };
  if (!impossible(machine_, c).empty()) return cannot({Miss::unrunnable, 0});
  if (!q_.disaggregate && in_flight(*c.transformer, {p, 1}, first) < unit * q_.request.prompts)
    return cannot({Miss::unrunnable, 0});  // so many are never there to be prefilled together
  Candidate candidate(machine_, c);
  if (candidate.largest() < first) return cannot({Miss::large, candidate.fill()});

  ServingPoint point;
  point.pool = {p, instances(machine_, p)};
  auto decode_at = [&](double batch) {
    const Case at = detail::decode_case(q_, p, batch);
    return detail::mean_step(detail::answer_of(q_, p, batch), Clock{&machine_, &at});
  };
  std::optional<Prefill> prefill;
  PrefillTime prompt;
  if (!q_.disaggregate) {
    const Case at = detail::prefill_case(q_, p);
    prefill.emplace(detail::prefill_of(q_, p));
    prompt = prefill->time(Clock{&machine_, &at});
  }
  auto point_at = [&](double batch) -> std::optional<ServingPoint> {
    const double decode = decode_at(batch);
    point.batch = batch;
    if (q_.disaggregate) return best_split(point, decode);
    point.now = interleaved(*q_.like.transformer, point.pool, batch, q_.request, prompt,
                            prefill->chunks(), decode, c.drafts.tokens_per_step());
    return point;
  };
  std::vector<double> batches;
  if (q_.space.batch > 0) {
    batches = {q_.space.batch};
  } else {
    batches = detail::ladder(unit, first, candidate.largest());
    auto good = [&](double batch) {
      const auto at = point_at(batch);
      return at && at->now.tpot <= q_.tpot;
    };
    candidate.largest_where(good, [&](double batch) {
      if (batch >= first) batches.push_back(batch);
    });
    std::sort(batches.begin(), batches.end());
    batches.erase(std::unique(batches.begin(), batches.end()), batches.end());
  }
  for (double batch : batches) {
    if (const auto at = point_at(batch)) consider(*at);
  }
}

// The way to prefill, and the division of the devices, that serve most requests; of equals the one
// with the sooner first token. Nothing if the machine has no room for both pools.
inline std::optional<ServingPoint> ServingSearch::best_split(ServingPoint p, double decode) const {
  const bool one_machine = q_.prefill == nullptr;
  const int decode_each = devices_needed(machine_, p.pool.partition);
  std::optional<ServingPoint> best;
  for (const auto& option : options_) {
    auto try_split = [&](int prefilling, int decoding) {
      p.pool.instances = decoding;
      p.prefill = option.pool;
      p.prefill->instances = prefilling;
      p.now =
          disaggregated(*q_.like.transformer, *p.prefill, p.pool, p.batch, q_.request, option.time,
                        decode, Handover(prefill_machine_, *p.prefill, machine_, p.pool, kv_));
      const bool late = p.now.ttft > q_.ttft, best_late = best && best->now.ttft > q_.ttft;
      const bool better = !best || (late != best_late              ? best_late
                                    : p.now.stps != best->now.stps ? p.now.stps > best->now.stps
                                                                   : p.now.ttft < best->now.ttft);
      if (better) best = p;
    };
    if (q_.prefill_devices > 0 || !one_machine) {
      const int prefilling =
          (q_.prefill_devices ? q_.prefill_devices : prefill_machine_.devices) / option.devices;
      const int decoding = (q_.decode_devices ? q_.decode_devices : machine_.devices) / decode_each;
      if (prefilling > 0 && decoding > 0) try_split(prefilling, decoding);
      continue;
    }
    auto prefilling = [&](int decoding) {
      return (machine_.devices - decoding * decode_each) / option.devices;
    };
    int low = 1, high = (machine_.devices - option.devices) / decode_each;
    if (high < 1) continue;
    // Fewest decoding instances that take in all that the rest prefills, and one less.
    const int most = high;
    while (low < high) {
      const int middle = low + (high - low) / 2;
      p.pool.instances = middle;
      Pool rest = option.pool;
      rest.instances = prefilling(middle);
      const bool enough = decode_rate(*q_.like.transformer, p.pool, p.batch, q_.request, decode) >=
                          prefill_rate(rest, q_.request, option.time);
      (enough ? high : low) = enough ? middle : middle + 1;
    }
    for (int decoding = std::max(1, low - 1); decoding <= std::min(most, low); ++decoding)
      try_split(prefilling(decoding), decoding);
  }
  return best;
}

inline void ServingSearch::add_intervals(ServingPoint& point) const {
  const Transformer& t = *q_.like.transformer;
  const Partition at = point.pool.partition;
  const Partition prefill_at = point.prefill ? point.prefill->partition : at;
  const Case decoding = detail::decode_case(q_, at, point.batch);
  const Case prefilling = detail::prefill_case(q_, prefill_at);
  const Series answer = detail::answer_of(q_, at, point.batch);
  const Prefill prompt = detail::prefill_of(q_, prefill_at);
  Machine here = machine_, there = prefill_machine_;
  const Machine& prefill_on = q_.prefill ? there : here;
  auto served = [&](bool ideal, Stretch stretch) {
    const double decode = detail::mean_step(answer, Clock{&here, &decoding, ideal, stretch});
    const PrefillTime time = prompt.time(Clock{&prefill_on, &prefilling, ideal, stretch});
    if (!point.prefill)
      return interleaved(t, point.pool, point.batch, q_.request, time, prompt.chunks(), decode,
                         decoding.drafts.tokens_per_step());
    return disaggregated(t, *point.prefill, point.pool, point.batch, q_.request, time, decode,
                         Handover(prefill_on, *point.prefill, here, point.pool, kv_));
  };
  point.now = served(false, {});
  point.ideal = served(true, {});
  const Passes mean = answer.mean();
  for (int i = 0; i < mean.model.exchange_count; ++i) {
    const auto& e = mean.model.exchanges[std::size_t(i)];
    point.extrapolated =
        point.extrapolated || collective_law(here, e.kind, e.ranks, e.bytes).extrapolated;
  }
  point.limits = binding(calibrated_step(rates(here, decoding, mean), mean), 0);

  constexpr double Served::*const figures[] = {&Served::ttft, &Served::tpot, &Served::stps};
  std::array<detail::Spread, 3> spreads;
  auto add = [&](const Served& a, const Served& b) {
    for (std::size_t i = 0; i < 3; ++i) {
      const double x = a.*figures[i] - point.now.*figures[i];
      const double y = b.*figures[i] - point.now.*figures[i];
      spreads[i].add(std::min({x, y, 0.0}));
      spreads[i].add(std::max({x, y, 0.0}));
    }
  };
  auto move = [&](auto& parameter) {
    if (!(parameter.low < parameter.high)) return;
    const auto kept = parameter.value;
    parameter.value = parameter.low;
    const Served a = served(false, {});
    parameter.value = parameter.high;
    add(a, served(false, {}));
    parameter.value = kept;
  };
  auto move_all = [&](Machine& m) {
    for_each_parameter(m, [&](const std::string&, auto& p) {
      if (p) move(*p);
    });
    for_each_collective(m, [&](const std::string&, auto& pieces) {
      for (auto& piece : pieces) move(piece.alpha), move(piece.beta);
    });
  };
  move_all(here);
  if (q_.prefill) move_all(there);
  double exchange = 0;
  for_each_collective(machine_, [&](const std::string&, const auto& pieces) {
    for (const auto& piece : pieces) exchange = std::max(exchange, piece.scatter);
  });
  const double linear = z90 * machine_.law(law_class(machine_, decoding.workload.weights)).scatter;
  const double experts = z90 * machine_.law(law_class(machine_, decoding.workload.experts)).scatter;
  for (const Stretch s :
       {Stretch{linear, 0, 0}, Stretch{0, experts, 0}, Stretch{0, 0, z90 * exchange}})
    add(served(false, {-s.linear, -s.experts, -s.exchanges}), served(false, s));

  for (std::size_t i = 0; i < 3; ++i) {
    auto Served::*const f = figures[i];
    point.low.*f = point.now.*f - std::sqrt(spreads[i].down);
    point.high.*f = point.now.*f + std::sqrt(spreads[i].up);
    point.calibrated = point.calibrated || point.low.*f < point.high.*f;
  }
  // Nothing is faster than the ideal, to the last digit in which the two may differ without laws.
  point.low.ttft = std::min(point.now.ttft, std::max(point.low.ttft, point.ideal.ttft));
  point.low.tpot = std::min(point.now.tpot, std::max(point.low.tpot, point.ideal.tpot));
  point.high.stps = std::max(point.now.stps, std::min(point.high.stps, point.ideal.stps));
}

}  // namespace limen::model
