#include "calibration/published/engine.hpp"

#include <cmath>

#include <fmt/format.h>

#include "model/resolve.hpp"

namespace limen::calibration {

using namespace model;

namespace {

enum Term {
  linear,
  quantized,
  arithmetic,
  attention,
  exchange,
  layer,
  step_,
  sequence,
  prefill,
  request,
  experts
};

double moved(double fraction, double odds) {
  return fraction * odds / (1 - fraction + fraction * odds);
}

// The bytes of a weight as the table states them, where the format alone says less.
void set_weight_bytes(Demand& d, const PublishedRow& r) {
  const double scale = r.weight_bytes / weight_bytes(r.format);
  for (Part p : {Part::linear, Part::experts}) d.part(p).work.read = scale * d.part(p).work.read;
  d.weights_held = scale * d.weights_held;
}

}  // namespace

const std::vector<Coordinate>& engine_coordinates() {
  using S = Scale;
  static const std::vector<Coordinate> all = {
      {"linear", S::positive, 1, 0.5, 0.3},       {"quantized", S::positive, 0.7, 0.7, 0.4},
      {"arithmetic", S::positive, 0.8, 0.5, 0.4}, {"attention", S::positive, 0.7, 0.6, 0.5},
      {"exchange", S::positive, 1.2, 0.6, 0.5},   {"layer", S::positive, 8e-6, 1.0, 0.6},
      {"step", S::positive, 200e-6, 1.0, 0.6},    {"sequence", S::positive, 8e-6, 1.2, 0.8},
      {"prefill", S::fraction, 0.45, 0.6, 0.6},   {"request", S::positive, 10e-3, 1.0, 0.8},
      {"experts", S::positive, 20e-6, 1.2, 0.6}};
  return all;
}

Step PreparedDecode::step(const std::vector<double>& v) const {
  Rates r = rates;
  for (Part p : {Part::linear, Part::experts}) {
    auto& part = r.part(p);
    part.efficiency = moved(part.efficiency, v[narrow ? quantized : linear]);
    const double peak = part.peak.in(flops_per_second);
    part.rate =
        flops_per_second(peak * moved(part.rate.in(flops_per_second) / peak, v[arithmetic]));
  }
  r.part(Part::attention).efficiency = moved(r.part(Part::attention).efficiency, v[attention]);
  for (auto& e : r.exchanges) e = {e.alpha * v[exchange], e.beta * v[exchange]};
  r.overhead =
      seconds(v[step_] + v[layer] * layers +
              v[Term::experts] * demand.part(Part::experts).operators / 2 + v[sequence] * batch);
  return calibrated_step(r, demand);
}

double PreparedDecode::seconds_a_token(const std::vector<double>& v) const {
  double time = step(v).total.in(seconds);
  if (with_prefill)
    time += (v[request] + prefill_flops / (v[prefill] * prefill_peak) + prefill_exchange) / output;
  return time;
}

double PreparedDecode::least_seconds_a_token() const {
  return ideal_step(rates, least_demand).total.in(seconds) +
         (with_prefill ? prefill_least_flops / prefill_peak / output : 0);
}

std::optional<PreparedDecode> prepare(const PublishedRow& row, const Machine& machine,
                                      std::string& why) {
  if (!row.problem.empty()) {
    why = row.problem;
    return {};
  }
  const Transformer& t = *row.transformer;
  const Partition& p = row.partition;
  if (p.pp > t.layers() || p.stage_ranks() % p.ep != 0 || std::fmod(row.batch, p.dp) != 0) {
    why = fmt::format("tp {}, pp {}, ep {}, dp {} do not divide the model or the batch", p.tp, p.pp,
                      p.ep, p.dp);
    return {};
  }
  PreparedDecode d;
  // Stages work on parts of the batch at the same time.
  const double batch = std::max(double(p.dp), row.batch / p.pp);
  Workload w{batch, row.input + (row.output + 1) / 2, row.format, row.kv};
  d.demand = demand<double>(t, w, p);
  set_weight_bytes(d.demand, row);
  Machine many = machine;  // a published case says itself how many devices it took
  many.devices = p.ranks();
  d.rates = rates(many, w, p, d.demand);
  // The bound must hold for identical prompts too, whose tokens all pick the same experts.
  d.least_demand = d.demand;
  Workload one = w;
  one.batch = 1;
  Partition alone = p;
  alone.dp = 1;
  alone.ep = 1;
  alone.tp = p.stage_ranks();
  const Demand single = demand<double>(t, one, alone);
  auto& experts = d.least_demand.part(Part::experts);
  const double scale = row.weight_bytes / weight_bytes(row.format);
  if (experts.weights > 0) {
    experts.work.read = scale * single.part(Part::experts).work.read;
    experts.weights = single.part(Part::experts).weights;
  }
  d.narrow = row.format == Format::int8 || row.format == Format::int4;
  d.layers = static_cast<double>(t.layers());
  d.batch = batch / p.dp;
  d.output = row.output;
  d.with_prefill = row.with_prefill && row.input > 0;
  Workload full = w;
  full.context = row.input + row.output;
  const Demand at_end = demand<double>(t, full, p);
  d.held = d.demand.weights_held.in(bytes) + batch * at_end.kv_per_sequence.in(bytes);
  d.capacity = d.rates.capacity.in(bytes);
  if (d.held > d.capacity) {
    why = fmt::format("does not fit: needs {:.1f} GB a rank, there are {:.1f} GB", d.held / 1e9,
                      d.capacity / 1e9);
    return {};
  }
  if (d.with_prefill) {
    Workload prompt = w;
    prompt.context = 1;
    prompt.tokens = row.input;
    const Demand all = demand<double>(t, prompt, p);
    double sum = 0;
    for (const auto& part : all.parts) sum += part.work.flops.in(flops);
    // Only the last token of a prompt needs the output matrix.
    const double tokens = batch / p.dp * row.input,
                 head = 2 * t.head_weights() / p.tp * (tokens - batch / p.dp);
    d.prefill_flops = d.prefill_least_flops = sum - head;
    d.prefill_peak = d.rates.part(Part::linear).peak.in(flops_per_second);
    for (int i = 0; i < all.exchange_count; ++i) {
      const auto& e = all.exchanges[std::size_t(i)];
      const CollectiveLaw law = collective_law(many, e.kind, e.ranks, e.bytes);
      d.prefill_exchange += (e.count * (law.alpha + law.beta * e.bytes)).in(seconds);
    }
  }
  return d;
}

}  // namespace limen::calibration
