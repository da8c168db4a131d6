// A parameter of a machine by its key: where its value stands, so that a sweep can move it without
// looking for it again.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/machine.hpp"
#include "model/resolve.hpp"

namespace limen::model {

using Setter = std::function<void(double)>;

// Keys of machines that are whole numbers, and no Parameter.
template <class M, class F>
void for_each_count(M& m, F&& f) {
  f("devices", m.devices);
  f("ranks_per_device", m.ranks_per_device);
  f("devices_per_node", m.devices_per_node);
}

// What was fitted for collectives on the machine `was`, after `key` was named anew: sync.tp stands
// for the fitted latencies. The time of a byte grows with that on the links of sync.tp_bandwidth,
// of which it keeps the measured share; where their bandwidth was not known, that time stands for
// it. Any other key changes nothing.
inline void displace_fits(Machine& m, std::string_view key, const Machine& was) {
  if (key != "sync.tp" && key != "sync.tp_bandwidth") return;
  const std::tuple<Exchange, std::vector<CollectivePiece>*, const std::vector<CollectivePiece>*>
      kinds[] = {{Exchange::all_reduce, &m.all_reduce, &was.all_reduce},
                 {Exchange::all_gather, &m.all_gather, &was.all_gather},
                 {Exchange::reduce_scatter, &m.reduce_scatter, &was.reduce_scatter},
                 {Exchange::all_to_all, &m.all_to_all, &was.all_to_all}};
  for (const auto& [kind, pieces, fitted] : kinds) {
    for (std::size_t i = 0; i < pieces->size(); ++i) {
      auto& piece = (*pieces)[i];
      if (key == "sync.tp") {
        piece.alpha = *m.sync_tp;
        continue;
      }
      const auto& p = *m.sync_tp_bandwidth;
      if (was.sync_tp_bandwidth) {
        const double slower = was.sync_tp_bandwidth->value / p.value;
        const auto& beta = (*fitted)[i].beta;
        piece.beta = {beta.value * slower, beta.low * slower, beta.high * slower, beta.evidence,
                      beta.source};
      } else {
        piece.beta = Parameter<SecondsPerByte>::exact(
            link_time(m.sync_tp_bandwidth, kind, piece.ranks), p.evidence, p.source);
      }
    }
  }
}

// The setter of `key`: it takes the base unit (B/s, s, ...), and what was fitted size
// by size gives way to what is named. The machine must outlive it and keep its place. Empty if
// there is no such key. From then on the parameter is hypothetical, has no interval, and waits for
// its value.
inline Setter parameter_setter(Machine& m, const std::string& key, const std::string& source) {
  const Machine was = m;
  Setter found;
  for_each_count(m, [&](const char* name, int& count) {
    if (key == name) found = [&count](double v) { count = static_cast<int>(v); };
  });
  for_each_parameter(m, [&](const std::string& name, auto& p) {
    if (name != key) return;
    using P = typename std::remove_reference_t<decltype(p)>::value_type;
    using D = typename decltype(P::value)::dimension;
    p = P::exact({}, Evidence::hypothetical, source);
    found = [at = &*p](double v) { at->value = at->low = at->high = Unit<D>{1.0}(v); };
  });
  if (key != "sync.tp" && key != "sync.tp_bandwidth") return found;
  return [&m, key, was, set = std::move(found)](double v) {
    set(v);
    displace_fits(m, key, was);
  };
}

}  // namespace limen::model
