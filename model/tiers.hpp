// Memory in tiers, from fast to slow: how long it takes to read what a step needs when the fast
// tier does not hold it all.
//
// A byte is read from where it lies, once a step: a tier of capacity C and bandwidth B gives up, in
// time T, no more than B T bytes and no more than what is read of the C bytes that it holds.
//
//   ideal       All tiers stream at once, and the data lie as well as they can. For any set A of
//               tiers, what the others cannot hold must come out of A:
//                   T = max over A of (R - reads(capacity of the others)) / (bandwidth of A)
//               with R the bytes read in a step and reads(C) the most of them that C bytes can
//               hold: weights that are read every step first, then whichever of KV cache and
//               experts is read more for each byte held. Each term is a necessary condition, so no
//               placement beats it, and it falls with every capacity and every bandwidth. With one
//               tier it is R / B.
//   calibrated  The tiers one after another, T = sum of bytes / (efficiency B), with the data
//   placed
//               in one order: weights, KV cache, experts, each as fast as there is room. Moving a
//               byte to a faster tier shortens it, so that it falls with every capacity, too; and
//               it is never below the ideal one, a sum being no less than any of its parts.
//
// Under pipeline parallelism the capacities of the stages on a token's path are taken together, as
// its bytes are.
#pragma once

#include "model/demand.hpp"

namespace limen::model {

template <class S>
struct TierOf {
  BytesOf<S> capacity;
  BytesPerSecondOf<S> bandwidth;
};

inline constexpr std::size_t most_tiers = 3;
template <class S>
struct TiersOf {
  std::size_t count = 0;  // those present, fastest first; without a second one there are none
  std::size_t main = 0;   // which of them RatesOf::bandwidth is of
  std::array<TierOf<S>, most_tiers> tier{};
};

// What a part of the step reads, and what of it is held, no less.
template <class S>
constexpr BytesOf<S> held_by(Part part, const DemandOf<S>& d) {
  const BytesOf<S> moved = d.parts[std::size_t(part)].work.moved();
  if (part == Part::experts) return max(max(d.experts_held, moved), bytes(S(1.0)));
  if (part == Part::attention) return max(max(d.kv_held, moved), bytes(S(1.0)));
  return moved;
}

// The most of a step's reads that the data in `capacity` bytes can take.
template <class S>
constexpr BytesOf<S> reads_held_by(BytesOf<S> capacity, const DemandOf<S>& d) {
  const BytesOf<S> none = bytes(S(0.0));
  const BytesOf<S> kv = held_by(Part::attention, d), experts = held_by(Part::experts, d);
  BytesOf<S> always = none;
  for (std::size_t i = 0; i < d.parts.size(); ++i) {
    if (Part(i) != Part::attention && Part(i) != Part::experts)
      always = always + d.parts[i].work.moved();
  }
  const S of_kv = d.part(Part::attention).work.moved() / kv;
  const S of_experts = d.part(Part::experts).work.moved() / experts;
  const BytesOf<S> rest = max(capacity - always, none);
  const BytesOf<S> kv_first =
      min(rest, kv) * of_kv + min(max(rest - kv, none), experts) * of_experts;
  const BytesOf<S> experts_first =
      min(rest, experts) * of_experts + min(max(rest - experts, none), kv) * of_kv;
  return min(capacity, always) + max(kv_first, experts_first);
}

template <class S>
constexpr SecondsOf<S> ideal_tier_time(const TiersOf<S>& t, const DemandOf<S>& d) {
  BytesOf<S> all = bytes(S(0.0));
  for (const auto& part : d.parts) all = all + part.work.moved();
  SecondsOf<S> time = seconds(S(0.0));
  for (unsigned set = 1; set < 1u << t.count; ++set) {
    BytesOf<S> elsewhere = bytes(S(0.0));
    BytesPerSecondOf<S> bandwidth = bytes_per_second(S(0.0));
    for (std::size_t i = 0; i < t.count; ++i) {
      if (set >> i & 1)
        bandwidth = bandwidth + t.tier[i].bandwidth;
      else
        elsewhere = elsewhere + t.tier[i].capacity;
    }
    time = max(time, (all - reads_held_by(elsewhere, d)) / bandwidth);
  }
  return time;
}

// Bytes that a step reads and writes, by part and tier, in the order of placement.
template <class S>
constexpr auto placed(const TiersOf<S>& t, const DemandOf<S>& d) {
  std::array<std::array<BytesOf<S>, most_tiers>, std::tuple_size_v<decltype(d.parts)>> moved{};
  BytesOf<S> begin = bytes(S(0.0));  // of the part
  auto place = [&](std::size_t i) {
    const BytesOf<S> held = held_by(Part(i), d), end = begin + held;
    const S density = d.parts[i].work.moved() / max(held, bytes(S(1.0)));
    BytesOf<S> from = bytes(S(0.0));  // of the tier
    for (std::size_t k = 0; k < t.count; ++k) {
      const BytesOf<S> to = from + t.tier[k].capacity;
      const BytesOf<S> last = k + 1 < t.count ? min(to, end) : end;
      moved[i][k] = density * max(last - max(from, begin), bytes(S(0.0)));
      from = to;
    }
    begin = end;
  };
  for (std::size_t i = 0; i < d.parts.size(); ++i) {
    if (Part(i) != Part::attention && Part(i) != Part::experts) place(i);
  }
  place(std::size_t(Part::attention));
  place(std::size_t(Part::experts));
  return moved;
}

// The tiers one after another.
template <class S>
constexpr SecondsOf<S> tier_time(const TiersOf<S>& t,
                                 const std::array<BytesOf<S>, most_tiers>& moved) {
  SecondsOf<S> time = seconds(S(0.0));
  for (std::size_t k = 0; k < t.count; ++k) time = time + moved[k] / t.tier[k].bandwidth;
  return time;
}

}  // namespace limen::model
