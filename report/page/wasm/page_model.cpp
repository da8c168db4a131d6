#include "report/page/wasm/page_model.hpp"

#include <algorithm>
#include <cmath>

#include "model/limits.hpp"
#include "report/page/wasm/flat.hpp"

namespace {

using namespace limen;
using namespace limen::model;

constexpr int slots = 2;

double input[page_input_numbers];
double output[page_output_numbers];
char text[256];
Machine machines[slots];
Transformer transformer;

// The case in the input, on the machine of a slot as the sliders have it.
struct Asked {
  page::Factors factors;
  Case c;
  Machine machine;

  explicit Asked(int slot)
      : c(page::to_case(input, transformer, factors)), machine(machines[slot]) {
    page::scale(machine, factors);
  }
};

// Without an interval: what a map or a frontier needs a thousand times.
struct Quick {
  double utps;
  Binding limits;
};
Quick quick(const Machine& m, const Case& c, const Passes& d) {
  const PassRates r = rates(m, c, d);
  const Step s = calibrated_step(r, d);
  const Bytes held = d.weights_held + c.workload.batch * d.kv_per_sequence;
  return {1 / s.total.in(seconds), binding(s, held / r.model.capacity)};
}

class Row {
 public:
  void add(double v) { output[n_++] = v; }
  void add(Seconds t) { add(t.in(seconds)); }
  void add(Bytes b) { add(b.in(bytes)); }
  void add(Limit l) { add(double(l)); }
  bool has_room(int numbers) const { return n_ + numbers <= page_output_numbers; }
  int size() const { return n_; }

 private:
  int n_ = 0;
};

}  // namespace

double* page_input() { return input; }
double* page_output() { return output; }
const char* page_text() { return text; }

void page_machine(int slot) { machines[slot] = page::to_machine(input); }
void page_transformer() { transformer = page::to_model(input); }

int page_predict(int slot) {
  const Asked a(slot);
  const Prediction p = predict(a.machine, a.c);
  const Passes d = passes_of(a.c);
  const PassRates r = rates(a.machine, a.c, d);
  Row out;
  for (double v : {double(p.fits), p.utps, p.utps_low, p.utps_high, p.utps_ideal, p.stps,
                   p.stps_low, p.stps_high, p.stps_ideal})
    out.add(v);
  const Step& s = p.step;
  for (Seconds t : {s.memory, s.compute, s.sync, s.linear, s.experts, s.attention, s.apart,
                    s.exchanges, s.fixed, s.total})
    out.add(t);
  for (Seconds t : {p.ideal.memory, p.ideal.compute, p.ideal.sync, p.ideal.total}) out.add(t);
  out.add(p.limits.binding);
  out.add(p.limits.next);
  out.add(p.limits.factor);
  out.add(p.limits_ideal.binding);
  for (Bytes b : {p.held, p.capacity, d.weights_held, d.kv_per_sequence}) out.add(b);
  for (double v : {p.largest_batch, double(p.extrapolated), double(p.compute_known),
                   double(devices_needed(a.machine, a.c.partition))})
    out.add(v);
  out.add(d.model.exchange_count > 0 ? r.model.exchanges[0].alpha : seconds(0.0));
  for (std::size_t i = 0; i < part_count; ++i) {
    const auto& part = d.model.parts[i];
    out.add(part.work.moved());
    out.add(part.work.flops.in(flops));
    const Seconds memory = part.work.moved() / (r.model.bandwidth * r.model.parts[i].efficiency);
    const Seconds scalar =
        Part(i) == Part::attention ? d.model.scalar / r.model.scalar : seconds(0.0);
    out.add(memory);
    out.add(part_time(r.model.parts[i], memory, part.work.flops, part.weights, scalar).compute);
  }
  std::size_t n = 0;
  for (; n < p.why_not.size() && n + 1 < sizeof text; ++n) text[n] = p.why_not[n];
  text[n] = 0;
  return out.size();
}

int page_elasticities(int slot) {
  const Asked a(slot);
  const Elasticities e = elasticities(a.machine, a.c);
  Row out;
  for (double v : e.calibrated) out.add(v);
  for (double v : e.ideal) out.add(v);
  return out.size();
}

int page_map(int slot, int columns, int rows) {
  Asked a(slot);
  const Passes d = passes_of(a.c);
  const double* const x = input + page::case_numbers;
  const double* const y = x + columns;
  Row out;
  for (int j = 0; j < rows && out.has_room(2 * columns); ++j) {
    Machine m = a.machine;
    page::Factors f;
    f.latency = y[j];
    page::scale(m, f);
    const auto bandwidth = *m.memory_bandwidth;
    for (int i = 0; i < columns; ++i) {
      m.memory_bandwidth->value = bandwidth.value * x[i];
      const Quick q = quick(m, a.c, d);
      out.add(q.utps);
      out.add(q.limits.binding);
    }
  }
  return out.size();
}

int page_frontier(int slot) {
  Asked a(slot);
  const Transformer& t = transformer;
  const int ranks = std::min(a.machine.devices * a.machine.ranks_per_device, 1 << 20);
  Row out;
  for (int tp = 1; tp <= ranks; tp *= 2) {
    for (int pp = 1; pp <= 8 && pp <= t.layers() && tp * pp <= ranks; pp *= 2) {
      const int spread[] = {1, tp};  // each expert split, or whole experts spread
      for (int k = 0; k < (tp > 1 ? 2 : 1); ++k) {
        const int ep = spread[k];
        a.c.partition = {tp, pp, ep, 1};
        if (!impossible(a.machine, a.c).empty()) continue;
        const int devices = devices_needed(a.machine, a.c.partition);
        for (double batch = 1; batch <= 65536; batch *= 2) {
          a.c.workload.batch = batch;
          const Passes d = passes_of(a.c);
          const Quick q = quick(a.machine, a.c, d);
          if (q.limits.binding == Limit::memory_capacity) break;
          if (!out.has_room(7)) return out.size();
          for (double v : {double(tp), double(pp), double(ep), batch, q.utps,
                           q.utps * batch * busy_stages(t, pp) / devices})
            out.add(v);
          out.add(q.limits.binding);
        }
      }
    }
  }
  return out.size();
}
