// Peaks of the arithmetic units, and what else is read off directly.
#include <algorithm>

#include <fmt/format.h>

#include "calibration/laws.hpp"

namespace limen::calibration {

namespace {

using Peak = std::optional<model::Parameter<model::FlopsPerSecond>>;

// The best rate that a visit sustained with all threads; its interval reaches down to the usual
// rate.
Peak peak_of(const Observations& observed, const Draft& draft, const std::string& type) {
  const Cases of_type =
      observed.where("compute.fma", [&](const Observation& o) { return o.is("type", type); });
  const double threads = largest(of_type, "threads");
  Peak peak;
  for (const Observation* o : of_type) {
    const double flops = o->work.flops.in(model::flops);
    if (o->number("threads") < threads || flops <= 0) continue;
    peak = parameter(draft, model::flops_per_second, flops / o->best,
                     {flops / o->seconds, flops / o->best}, model::Evidence::measured);
  }
  return peak;
}

}  // namespace

void fit_peaks(const Observations& observed, Draft& draft) {
  model::Machine& m = draft.machine;
  const auto set = [&m](model::Format f, const Peak& peak) {
    m.compute[static_cast<int>(f)] = peak;
  };
  // Weights in bf16 are multiplied in pairs where there is an instruction for it, else widened to
  // fp32; those of 8 and 4 bits in 16-bit integers.
  const Peak floating = peak_of(observed, draft, "fp32"),
             integer = peak_of(observed, draft, "int16"), pairs = peak_of(observed, draft, "bf16");
  set(model::Format::fp32, floating);
  set(model::Format::bf16, pairs && floating && pairs->value > floating->value ? pairs : floating);
  set(model::Format::int8, integer);
  set(model::Format::int4, integer);
  m.compute_scalar = floating;
  if (!floating)
    m.unidentified.emplace_back(
        "compute.fp32, compute.bf16, compute.scalar: no compute.fma type=fp32 was measured");
  if (!integer)
    m.unidentified.emplace_back(
        "compute.int8, compute.int4: no compute.fma type=int16 was measured");
}

}  // namespace limen::calibration
