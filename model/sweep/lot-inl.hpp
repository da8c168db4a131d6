// evaluate_lot for one instruction set: each lot_*.cpp includes this with its own Target.
#pragma once

#include <array>
#include <cstring>
#include <type_traits>

#include "model/lanes.hpp"
#include "model/sweep/lot.hpp"

namespace limen::model {

template <class L>
struct LotOf {
  // A pack of rates has the fields of the plain ones, each in as many lanes. There are no tiers:
  // machines with them take the plain path.
  using Flat = FlatRatesOf<double>;
  using Pack = FlatRatesOf<L>;
  static constexpr std::size_t fields = sizeof(Flat) / sizeof(double);
  static_assert(sizeof(Pack) == L::size * sizeof(Flat) && std::is_trivially_copyable_v<Flat> &&
                    std::is_trivially_copyable_v<Pack>,
                "FlatRatesOf<S> must hold nothing but S");

  static RatesOf<L> gathered(const Lot& lot, std::size_t i) {
    std::array<double, fields> of[L::size];
    for (std::size_t l = 0; l < L::size; ++l)
      std::memcpy(&of[l], static_cast<const Flat*>(&lot.rates[lot.which[i + l]]), sizeof of[l]);
    std::array<L, fields> lanes;
    for (std::size_t f = 0; f < fields; ++f) {
      for (std::size_t l = 0; l < L::size; ++l) lanes[f].pack[l] = of[l][f];
    }
    RatesOf<L> r;
    std::memcpy(static_cast<void*>(static_cast<Pack*>(&r)), &lanes, sizeof lanes);
    return r;
  }
  static RatesOf<L> repeated(const Rates& rates) {
    std::array<double, fields> one;
    std::memcpy(&one, static_cast<const Flat*>(&rates), sizeof one);
    std::array<L, fields> lanes;
    for (std::size_t f = 0; f < fields; ++f) lanes[f] = L(one[f]);
    RatesOf<L> r;
    std::memcpy(static_cast<void*>(static_cast<Pack*>(&r)), &lanes, sizeof lanes);
    return r;
  }

  static L load(const double* from) {
    L l;
    std::memcpy(&l.pack, from, sizeof l.pack);
    return l;
  }
  static void store(double* to, L l) { std::memcpy(to, &l.pack, sizeof l.pack); }
  static bool all_equal(const std::uint32_t* w) {
    std::uint32_t different = 0;
    for (std::size_t l = 1; l < L::size; ++l) different |= w[l] ^ w[0];
    return different == 0;
  }

  // Whether a pack is that before it: where only the machine changes.
  static bool repeats(const double* pack) {
    return std::memcmp(pack - L::size, pack, sizeof(L)) == 0;
  }

  [[gnu::flatten]] static void evaluate(const Lot& lot, Figures& out, std::size_t at) {
    RatesOf<L> r{};
    std::uint32_t repeated_rates = 0;
    bool have_repeated = false;
    WorkloadOf<L> w = as<L>(lot.like);
    DemandOf<L> d;
    const L stages(busy_stages(*lot.transformer, lot.partition.pp)), one(1.0);
    for (std::size_t i = 0; i < lot.n; i += L::size, at += L::size) {
      if (all_equal(lot.which + i)) {
        if (!have_repeated || repeated_rates != lot.which[i]) {
          repeated_rates = lot.which[i];
          r = repeated(lot.rates[repeated_rates]);
          have_repeated = true;
        }
      } else {
        r = gathered(lot, i);
        have_repeated = false;
      }
      if (i == 0 || !repeats(lot.batch + i) || !repeats(lot.context + i)) {
        w.batch = load(lot.batch + i);
        w.context = load(lot.context + i);
        d = demand<L>(*lot.transformer, w, lot.partition);
      }
      const StepOf<L> ideal = ideal_step(r, d), step = calibrated_step(r, d);
      const BytesOf<L> held = d.weights_held + w.batch * d.kv_per_sequence;
      const L in_flight = w.batch * stages;
      const L utps = one / step.total.in(seconds), utps_ideal = one / ideal.total.in(seconds);
      store(out.utps + at, utps);
      store(out.stps + at, in_flight * utps);
      store(out.utps_ideal + at, utps_ideal);
      store(out.stps_ideal + at, in_flight * utps_ideal);
      store(out.memory + at, step.memory.in(seconds));
      store(out.compute + at, step.compute.in(seconds));
      store(out.sync + at, step.sync.in(seconds));
      store(out.held + at, held.in(bytes));
      store(out.fill + at, held / r.capacity);
    }
  }
};

}  // namespace limen::model
