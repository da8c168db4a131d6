// One configuration without its interval: what a sweep computes a thousand million times. The plain
// path; model/sweep/ does the same for many at once.
#pragma once

#include "model/prediction.hpp"

namespace limen::model {

struct Evaluated {
  bool possible = false;                                      // the partition, on this machine
  bool fits = false;                                          // possible, and within the capacity
  double utps = 0, stps = 0, utps_ideal = 0, stps_ideal = 0;  // tokens/s
  double memory = 0, compute = 0, sync = 0;                   // seconds of a calibrated step
  double held = 0;                                            // bytes, of a rank
  Binding limits{};
};

// `m` has the conventions of the case applied already. The figures are those of predict().
inline Evaluated evaluate(const Machine& m, const Case& c) {
  const Demand d = demand_of(c);
  const Rates r = rates(m, c.workload, c.partition, d);
  const Step ideal = ideal_step(r, d), step = calibrated_step(r, d);
  const Bytes held = d.weights_held + c.workload.batch * d.kv_per_sequence;
  const double fill = held / r.capacity,
               in_flight = c.workload.batch * busy_stages(*c.transformer, c.partition.pp);
  Evaluated e;
  e.possible = impossible(m, c).empty();
  e.fits = fill <= 1 && e.possible;
  e.utps = 1 / step.total.in(seconds);
  e.stps = in_flight * e.utps;
  e.utps_ideal = 1 / ideal.total.in(seconds);
  e.stps_ideal = in_flight * e.utps_ideal;
  e.memory = step.memory.in(seconds);
  e.compute = step.compute.in(seconds);
  e.sync = step.sync.in(seconds);
  e.held = held.in(bytes);
  e.limits = binding(step, fill);
  return e;
}

}  // namespace limen::model
