// What a machine can do, as the model needs it: peaks, and the laws that say how much of them is
// reached.
//
// A device is what has a memory of its own: a GPU, or a CPU host with all its cores. Tensor
// parallelism runs over devices; on a host (`ranks_per_device` > 1) it runs over ranks that share
// one device's memory and cores, so that the aggregate bandwidth stays what it is and only the
// synchronization changes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/format.hpp"
#include "model/parameter.hpp"
#include "model/quantity.hpp"

namespace limen::model {

// Time of a linear layer of w weights and m tokens on one device, weights cold in memory:
//   t = fixed + max(bytes / (efficiency * memory.bandwidth), w * unpack + 2 w m / rate)
// or, with an overlap p, the power mean (memory^p + compute^p)^(1/p) for the max: 1 if neither
// hides behind the other, infinite if they do wholly. Anything absent is ideal: efficiency 1, fixed
// 0, unpack 0, rate the peak, overlap infinite.
struct LinearLaw {
  std::optional<Parameter<Quantity<Scalar>>> efficiency;
  std::optional<Parameter<Seconds>> fixed;   // per operator: dispatch and join
  std::optional<Parameter<Seconds>> unpack;  // per weight, whatever the number of tokens
  std::optional<Parameter<FlopsPerSecond>>
      rate;  // of the multiplications once weights are unpacked
  std::optional<Parameter<Quantity<Scalar>>> overlap;  // 1 or more
  double scatter = 0;  // relative error (rms) on shapes left out of the fit

  bool known() const { return efficiency || fixed || unpack || rate; }
};

// A collective among `ranks`, for messages of `from` bytes and more: t = alpha + beta * bytes.
struct CollectivePiece {
  int ranks = 2;
  Bytes from;
  Parameter<Seconds> alpha;
  Parameter<SecondsPerByte> beta;
  double scatter = 0;  // as above, on message sizes left out
};

// A level of the memory system as a bandwidth sweep found it; for the reader, not for the
// prediction.
struct MemoryLevel {
  std::string name;  // L1, L2, L3, DRAM by order
  int threads = 1;
  std::optional<Bytes> capacity;  // where the next level begins to show
  Parameter<BytesPerSecond> bandwidth;
  std::optional<Parameter<Seconds>> fixed;    // t0 of t = t0 + bytes / B
  std::optional<Parameter<Seconds>> latency;  // of a dependent load
};

// What running the machine takes, of a device unless said otherwise (model/energy.hpp).
struct Economics {
  std::optional<Parameter<Watts>> idle;      // drawn whatever it does
  std::optional<Parameter<Watts>> overhead;  // its share of server, network and cooling
  std::optional<Parameter<Watts>> tdp;       // the most it draws, without the overhead
  std::optional<Parameter<JoulesPerByte>> memory, sram, host, link;  // of a byte moved
  std::optional<Parameter<JoulesPerFlop>> flop[formats.size()];  // of matrix products, by format
  std::optional<Parameter<Dollars>> device;                      // price
  std::optional<Parameter<Dollars>> system;                      // its share of server and network
  std::optional<Parameter<Seconds>> lifetime;              // over which the price is written off
  std::optional<Parameter<Quantity<Scalar>>> utilization;  // share of it in use
  std::optional<Parameter<DollarsPerJoule>> electricity;
};

struct Machine {
  std::string name;
  std::string description;
  int devices = 1;
  int ranks_per_device = 1;
  int devices_per_node = 0;  // that share the links of sync.tp; 0: all

  std::optional<Parameter<Bytes>> memory_capacity;            // per device
  std::optional<Parameter<BytesPerSecond>> memory_bandwidth;  // per device, reading: the peak
  std::optional<Parameter<Quantity<Scalar>>>
      memory_efficiency;  // of it, when streaming the KV cache
  // Faster and slower memory beside it, if any: each has both or neither (model/tiers.hpp).
  std::optional<Parameter<Bytes>> sram_capacity, host_capacity;
  std::optional<Parameter<BytesPerSecond>> sram_bandwidth, host_bandwidth;
  std::optional<Parameter<FlopsPerSecond>> compute[formats.size()];  // matrix peak by weight format
  std::optional<Parameter<FlopsPerSecond>> compute_scalar;  // everything that is no matrix product
  LinearLaw linear[formats.size()];
  // Over the cache: w its scores (of a query and a token), m twice the width of a head, which makes
  // 2 w m the operations with keys and values; unpack is the softmax of a score.
  LinearLaw attention;

  std::optional<Parameter<Seconds>>
      sync_tp;  // one all-reduce, flat, where there is no fit in `all_reduce`
  std::optional<Parameter<BytesPerSecond>>
      sync_tp_bandwidth;                      // of a device's links in a collective
  std::optional<Parameter<Seconds>> sync_pp;  // one hop between pipeline stages
  std::optional<Parameter<BytesPerSecond>> sync_pp_bandwidth;
  std::optional<Parameter<Seconds>>
      sync_floor;  // a flag one way, or the best kernel known: no collective is faster
  std::optional<Parameter<Seconds>>
      sync_barrier;  // among the threads of a device; contained in `fixed`
  std::optional<Parameter<Seconds>> sync_net;  // between nodes: one step of a collective
  std::optional<Parameter<BytesPerSecond>>
      sync_net_bandwidth;  // of a device's share of the network
  // What a serving engine adds to a step: once, for each layer, for each layer of experts besides,
  // for each sequence.
  std::optional<Parameter<Seconds>> engine_step, engine_layer, engine_experts, engine_sequence;
  double engine_scatter = 0;  // relative error (rms) of steps about the law of the engine
  std::vector<CollectivePiece> all_reduce, all_gather, reduce_scatter, all_to_all;

  Economics economics;

  std::vector<MemoryLevel> levels;
  std::vector<std::string> unidentified;  // what the data could not tell, in words

  // Of a format's class.
  LinearLaw& law(Format f) { return linear[static_cast<int>(facts(f).family)]; }
  const LinearLaw& law(Format f) const { return linear[static_cast<int>(facts(f).family)]; }
};

// Whether the memory has a tier above or below the main one: with a capacity and a bandwidth.
inline bool has_sram(const Machine& m) { return m.sram_capacity && m.sram_bandwidth; }
inline bool has_host(const Machine& m) { return m.host_capacity && m.host_bandwidth; }
inline bool in_tiers(const Machine& m) { return has_sram(m) || has_host(m); }

// Of the pure numbers only the overlap may exceed 1.
inline bool is_exponent(const std::string& key) {
  constexpr std::string_view last = ".overlap";
  return key.size() > last.size() && key.compare(key.size() - last.size(), last.size(), last) == 0;
}

// Calls f(prefix of the keys, law) for each law of products.
template <class M, class F>
void for_each_law(M& m, F&& f) {
  for (Format x : formats) f(std::string("linear.") + name(x), m.law(x));
  f(std::string("attention"), m.attention);
}

// Calls f(key, pieces) for each kind of collective that has laws of its own.
template <class M, class F>
void for_each_collective(M& m, F&& f) {
  f("sync.all_reduce", m.all_reduce);
  f("sync.all_gather", m.all_gather);
  f("sync.reduce_scatter", m.reduce_scatter);
  f("sync.all_to_all", m.all_to_all);
}

// Calls f(key, optional parameter) for every named parameter, in the order and with the keys of a
// machine file.
template <class M, class F>
void for_each_parameter(M& m, F&& f) {
  f("memory.capacity", m.memory_capacity);
  f("memory.bandwidth", m.memory_bandwidth);
  f("memory.efficiency", m.memory_efficiency);
  f("sram.capacity", m.sram_capacity);
  f("sram.bandwidth", m.sram_bandwidth);
  f("host.capacity", m.host_capacity);
  f("host.bandwidth", m.host_bandwidth);
  for (Format x : formats) f(std::string("compute.") + name(x), m.compute[static_cast<int>(x)]);
  f("compute.scalar", m.compute_scalar);
  for_each_law(m, [&f](const std::string& prefix, auto& law) {
    f(prefix + ".efficiency", law.efficiency);
    f(prefix + ".fixed", law.fixed);
    f(prefix + ".unpack", law.unpack);
    f(prefix + ".rate", law.rate);
    f(prefix + ".overlap", law.overlap);
  });
  f("sync.tp", m.sync_tp);
  f("sync.tp_bandwidth", m.sync_tp_bandwidth);
  f("sync.pp", m.sync_pp);
  f("sync.pp_bandwidth", m.sync_pp_bandwidth);
  f("sync.net", m.sync_net);
  f("sync.net_bandwidth", m.sync_net_bandwidth);
  f("sync.floor", m.sync_floor);
  f("sync.barrier", m.sync_barrier);
  auto& e = m.economics;
  f("power.idle", e.idle);
  f("power.overhead", e.overhead);
  f("power.tdp", e.tdp);
  f("energy.memory", e.memory);
  f("energy.sram", e.sram);
  f("energy.host", e.host);
  f("energy.link", e.link);
  for (Format x : formats) f(std::string("energy.") + name(x), e.flop[static_cast<int>(x)]);
  f("cost.device", e.device);
  f("cost.system", e.system);
  f("cost.lifetime", e.lifetime);
  f("cost.utilization", e.utilization);
  f("cost.electricity", e.electricity);
  f("engine.step", m.engine_step);
  f("engine.layer", m.engine_layer);
  f("engine.experts", m.engine_experts);
  f("engine.sequence", m.engine_sequence);
}

}  // namespace limen::model
