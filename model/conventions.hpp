// Ways of counting that a published study used, each by its name. The default is the physically
// exact one.
#pragma once

#include "model/demand.hpp"
#include "model/machine.hpp"

namespace limen::model {

struct Conventions {
  bool binary_terabytes = false;  // 1 TB/s of memory bandwidth is 2^40 B/s
  bool nominal_parameters =
      false;  // weights as many as the model's name says, the input table read along
  bool even_kv =
      false;  // the KV cache divides evenly over all tensor-parallel devices; its writes are free
  int syncs_per_layer =
      0;  // exposed synchronizations a layer, each the latency alone; 0: those of the partition

  // Of Davies et al., arXiv 2507.14397. That 3 synchronizations of 1.5 us (0.2 us within a server
  // of 8) make up the exposed time a layer is a reconstruction from its figures.
  static constexpr Conventions paper() { return {true, true, true, 3}; }

  Machine applied(Machine m) const {
    if (!binary_terabytes) return m;
    constexpr double terabyte = 1099511627776.0 / 1e12;
    for (auto* b : {&m.memory_bandwidth, &m.sram_bandwidth, &m.host_bandwidth}) {
      if (!*b) continue;
      (*b)->value = (*b)->value * terabyte;
      (*b)->low = (*b)->low * terabyte;
      (*b)->high = (*b)->high * terabyte;
    }
    return m;
  }

  template <class S>
  void apply(DemandOf<S>& d, const Transformer& t, const WorkloadOf<S>& w, Partition p) const {
    if (nominal_parameters && t.nominal_parameters > 0) {
      // Of a dense model all parameters are read; of experts those that were picked, scaled to the
      // nominal total.
      const bool dense = t.expert_parameters() == 0;
      const S read = d.part(Part::linear).weights + d.part(Part::apart).weights;
      const S scale = dense ? S(t.nominal_parameters) / (S(double(p.tp)) * read)
                            : S(t.nominal_parameters / t.parameters());
      for (Part x : {Part::linear, Part::apart, Part::experts}) {
        d.part(x).weights = scale * d.part(x).weights;
        d.part(x).work = scale * d.part(x).work;
      }
    }
    if (even_kv) {
      S elements = S(0.0);
      for (const auto& a : t.attention) {
        const S seen = a.window > 0 ? min(w.context, S(double(a.window))) : w.context;
        elements = elements + S(double(a.layers) * a.kv_elements()) * seen;
      }
      d.part(Part::attention).work.read =
          bytes(w.batch * elements * S(element_bytes(w.kv)) / S(double(p.tp) * p.dp));
      d.part(Part::attention).work.written = bytes(S(0.0));
    }
    if (syncs_per_layer > 0) {
      d.exchange_count = p.tp > 1 ? 1 : 0;
      d.exchanges[0] = {Exchange::all_reduce, p.tp, S(double(syncs_per_layer * t.layers())),
                        bytes(S(0.0))};
    }
  }
};

}  // namespace limen::model
