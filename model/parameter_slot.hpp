// A parameter of a machine by its key: where its value stands, so that a sweep can move it without
// looking for it again.
#pragma once

#include <functional>
#include <string>
#include <string_view>
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

// What was fitted for collectives gives way to a latency or bandwidth that is named: `key` is
// sync.tp or sync.tp_bandwidth, and the machine has it; any other key changes nothing.
inline void displace_fits(Machine& m, std::string_view key) {
  if (key != "sync.tp" && key != "sync.tp_bandwidth") return;
  const std::pair<Exchange, std::vector<CollectivePiece>*> kinds[] = {
      {Exchange::all_reduce, &m.all_reduce},
      {Exchange::all_gather, &m.all_gather},
      {Exchange::reduce_scatter, &m.reduce_scatter},
      {Exchange::all_to_all, &m.all_to_all}};
  for (const auto& [kind, pieces] : kinds) {
    for (auto& piece : *pieces) {
      if (key == "sync.tp") {
        piece.alpha = *m.sync_tp;
      } else {
        const auto& p = *m.sync_tp_bandwidth;
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
  displace_fits(m, key);
  return [&m, key, set = std::move(found)](double v) {
    set(v);
    displace_fits(m, key);
  };
}

}  // namespace limen::model
