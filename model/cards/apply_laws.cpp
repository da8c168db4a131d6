// What a datasheet card becomes by the laws of its device or of its relatives.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "model/cards/all_reduce_law.hpp"
#include "model/cards/device.hpp"
#include "model/cards/laws.hpp"
#include "model/resolve.hpp"

namespace limen::cards {

using namespace model;

namespace {

inline constexpr Unit<Scalar> pure{1};

// A fraction of a peak, its odds multiplied: values and half-widths add in the logit, the latter in
// quadrature. So moved it stays a fraction.
LawValue shifted(const LawValue& fraction, const LawValue& odds) {
  auto logit = [](double v) {
    const double below_one = std::min(v, 1 - 1e-6);
    return std::log(below_one / (1 - below_one));
  };
  auto back = [](double x) { return 1 / (1 + std::exp(-x)); };
  const double middle = logit(fraction.value), at = middle + std::log(odds.value);
  return {back(at),
          back(at - std::hypot(middle - logit(fraction.low), std::log(odds.value / odds.low))),
          back(at + std::hypot(logit(fraction.high) - middle, std::log(odds.high / odds.value)))};
}

LawValue multiplied(const LawValue& v, const LawValue& factor) {
  if (!(v.value > 0)) return v;
  const double at = v.value * factor.value;
  return {
      at,
      at * std::exp(-std::hypot(std::log(v.value / v.low), std::log(factor.value / factor.low))),
      at * std::exp(std::hypot(std::log(v.high / v.value), std::log(factor.high / factor.value)))};
}

template <class Q, class U>
Parameter<Q> parameter(const LawValue& v, U unit, const Law& law) {
  return {unit(v.value), unit(v.low), unit(v.high),
          law.pooled() ? Evidence::pooled : Evidence::fitted, law.source};
}

// Applies `f` to a parameter's value, low and high, in `unit`.
template <class P, class U, class F>
void change(P& p, U unit, F&& f) {
  const LawValue v = f(LawValue{p.value.in(unit), p.low.in(unit), p.high.in(unit)});
  p.value = unit(v.value);
  p.low = unit(std::min(v.low, v.value));
  p.high = unit(std::max(v.high, v.value));
}

// To six digits, which is more than differences and laws have.
double short_number(double v) { return std::strtod(fmt::format("{:.6g}", v).c_str(), nullptr); }

// The law of a library as straight pieces: it bends to the right, so that the lines that touch it
// meet above it and the least of them is it within some percent.
void add_collectives(Machine& m, const Law& law, const std::string& library, bool adds) {
  // A card without links of its own is in a PCIe slot.
  Fabric fabric;
  fabric.link = m.sync_tp_bandwidth ? m.sync_tp_bandwidth->value.in(bytes_per_second) : 32e9;
  fabric.memory = m.memory_bandwidth->value.in(bytes_per_second);
  fabric.adds = adds;
  std::vector<double> values;
  const auto& parameters = all_reduce_parameters(library);
  for (const auto& p : parameters) values.push_back(law.of(p.name).value);
  for (int p : {2, 4, 8, 16, 32, 72}) {
    auto time = [&](double b) {
      return all_reduce_seconds(all_reduce_law(library, values), fabric, p, b);
    };
    struct Line {
      double from, alpha, beta, down, up;
    };
    std::vector<Line> lines;
    for (double touched = 8192; touched < 1e9; touched *= 8) {
      constexpr double step = 1e-3;
      const double at = time(touched),
                   beta = short_number((time(touched * (1 + step)) - at) / (touched * step)),
                   alpha = short_number(at - beta * touched);
      if (!lines.empty() && beta > 0.999 * lines.back().beta) continue;  // the same line
      double down = 0, up = 0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const LawValue v = law.of(parameters[i].name);
        for (double end : {v.low, v.high}) {
          values[i] = end;
          const double effect = std::log(time(touched) / at);
          (effect < 0 ? down : up) += effect * effect;
        }
        values[i] = v.value;
      }
      const double from =
          lines.empty() ? 0 : (alpha - lines.back().alpha) / (lines.back().beta - beta);
      lines.push_back({from, alpha, beta, std::exp(-std::sqrt(down)), std::exp(std::sqrt(up))});
    }
    for (const Line& l : lines) {
      CollectivePiece out;
      out.ranks = p;
      const auto around = [&](double v) {
        return LawValue{v, short_number(v * l.down), short_number(v * l.up)};
      };
      out.from = bytes(std::round(l.from));
      out.alpha = parameter<Seconds>(around(l.alpha), seconds, law);
      out.beta = parameter<SecondsPerByte>(around(l.beta), seconds_per_byte, law);
      out.scatter = law.scatter;
      m.all_reduce.push_back(std::move(out));
    }
  }
  if (!m.sync_floor)
    m.sync_floor = Parameter<Seconds>::exact(microseconds(1.3), Evidence::pooled,
                                             "half of the fastest published all-reduce");
}

// What an engine makes of the kernels: see calibration/published/engine.hpp.
void add_engine(Machine& m, const Law& law) {
  for (Format f : formats) {
    auto& linear = m.law(f);
    const auto* peak = matrix_peak(m, f);
    if (linear.efficiency)
      change(*linear.efficiency, pure, [&](const LawValue& v) {
        return shifted(v, law.of(f == Format::int8 || f == Format::int4 ? "quantized" : "linear"));
      });
    if (linear.rate && peak)
      change(*linear.rate, Unit<OperationRate>{peak->value.in(flops_per_second)},
             [&](const LawValue& v) { return shifted(v, law.of("arithmetic")); });
    linear.scatter = 0;  // contained in that of the engine
  }
  if (m.memory_efficiency)
    change(*m.memory_efficiency, pure,
           [&](const LawValue& v) { return shifted(v, law.of("attention")); });
  for (auto& piece : m.all_reduce) {
    const auto longer = [&](const LawValue& v) { return multiplied(v, law.of("exchange")); };
    change(piece.alpha, seconds, longer);
    change(piece.beta, seconds_per_byte, longer);
    piece.scatter = 0;
  }
  m.engine_step = parameter<Seconds>(law.of("step"), seconds, law);
  m.engine_layer = parameter<Seconds>(law.of("layer"), seconds, law);
  m.engine_experts = parameter<Seconds>(law.of("experts"), seconds, law);
  m.engine_sequence = parameter<Seconds>(law.of("sequence"), seconds, law);
  m.engine_scatter = law.scatter;
}

}  // namespace

Machine with_kernels(Machine m, const Laws& laws, const std::string& library) {
  const Device* device = find_device(m.name);
  if (!device) return m;
  auto find = [&](const char* kind, const std::string& variant) {
    return laws.find(kind, variant, device->card, relatives(*device, m, kind));
  };
  for (Format f : formats) {
    const Law* law = find("linear", f == Format::fp32 ? "bf16" : name(f));
    if (!law) law = find("linear", "bf16");
    auto& linear = m.law(f);
    if (!law || linear.efficiency) continue;
    // Weights of 4 and 8 bits with 16-bit activations are multiplied in 16 bits.
    const auto* peak = matrix_peak(m, f == Format::int8 || f == Format::int4 ? Format::bf16 : f);
    linear.efficiency = parameter<Quantity<Scalar>>(law->of("efficiency"), pure, *law);
    // Kernels of narrow formats were timed with the preparation of their activations, which engines
    // fuse into what comes before: the fixed time is that of the 16-bit kernel.
    const Law* plain = find("linear", "bf16");
    if (!linear.fixed && plain)
      linear.fixed = parameter<Seconds>(plain->of("fixed"), seconds, *plain);
    if (!linear.rate && peak)
      linear.rate = parameter<FlopsPerSecond>(
          law->of("rate"), Unit<OperationRate>{peak->value.in(flops_per_second)}, *law);
    linear.overlap = parameter<Quantity<Scalar>>(law->of("overlap"), pure, *law);
    linear.scatter = law->scatter;
  }
  if (const Law* law = find("attention", "bf16"); law && !m.memory_efficiency)
    m.memory_efficiency = parameter<Quantity<Scalar>>(law->of("efficiency"), pure, *law);
  if (const Law* law = find("all_reduce", library); law && m.all_reduce.empty())
    add_collectives(m, *law, library, switch_adds(*device, m));
  return m;
}

Machine with_laws(Machine m, const Laws& laws, const std::string& engine) {
  check_engine(laws, engine);
  const Device* device = find_device(m.name);
  if (!device || engine == "ideal") return m;
  m = with_kernels(std::move(m), laws, engine_library(engine));
  if (engine != "none")
    add_engine(m, *laws.find("engine", engine, device->card, relatives(*device, m, "engine")));
  return m;
}

}  // namespace limen::cards
