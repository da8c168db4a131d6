#include "calibration/published/evaluate.hpp"

#include <cmath>

#include <fmt/format.h>

#include "calibration/published/blind.hpp"
#include "calibration/published/laws.hpp"
#include "model/predict.hpp"

namespace limen::calibration {

namespace {

using model::z90;

std::vector<double> values_of(const std::vector<Coordinate>& coordinates, const cards::Law& law) {
  std::vector<double> out;
  for (const Coordinate& c : coordinates) out.push_back(law.of(c.name).value);
  return out;
}

// ln(low / at) and ln(high / at) of a time: each parameter moved to the ends of its interval, the
// effects in quadrature, and the scatter about the law.
template <class F>
void interval(const std::vector<Coordinate>& coordinates, const cards::Law& law,
              std::vector<double> values, double at, F&& time, double& down, double& up) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const cards::LawValue v = law.of(coordinates[i].name);
    for (double end : {v.low, v.high}) {
      values[i] = end;
      const double effect = std::log(time(values) / at);
      (effect < 0 ? down : up) += effect * effect;
    }
    values[i] = v.value;
  }
}

std::string basis(const cards::Law& law) {
  return fmt::format("{} {}: {}", law.kind, law.variant,
                     law.pooled() ? "pooled (" + law.group + ")" : "fitted to " + law.device);
}

}  // namespace

Evaluation Evaluator::kernel(const PublishedRow& row) const {
  Evaluation out;
  const Sheet& sheet = sheet_of(*row.device);
  out.reason = not_predictable(row, sheet);
  if (!out.reason.empty()) return out;
  const cards::Laws& laws = laws_of(*row.device);
  auto find = [&](const std::string& variant) {
    return laws.find(name(row.kind), variant, row.device->card,
                     cards::relatives(*row.device, *sheet.card, name(row.kind)));
  };
  const cards::Law* law = find(row.variant);
  if (!law && (row.kind == RowKind::product || row.kind == RowKind::attention)) law = find("bf16");
  if (!law) {
    out.reason = fmt::format("no law of {} {}", name(row.kind), row.variant);
    return out;
  }
  const auto& coordinates = coordinates_of(row.kind, row.variant);
  const auto values = values_of(coordinates, *law);
  auto time = [&](const std::vector<double>& v) { return predicted_seconds(row, sheet, v); };
  out.ideal = least_seconds(row, sheet);
  out.value = std::max(time(values), out.ideal);
  double down = 0, up = 0;
  interval(coordinates, *law, values, out.value, time, down, up);
  const double scatter = std::pow(z90 * law->scatter, 2);
  out.low = std::max(out.value * std::exp(-std::sqrt(down + scatter)), out.ideal);
  out.high = out.value * std::exp(std::sqrt(up + scatter));
  out.violates = row.measured < out.ideal;
  out.predicted = true;
  out.reason = basis(*law);
  switch (row.kind) {
    case RowKind::product:
      out.binding =
          out.ideal > 0 && 2 * row.m * row.n * row.k / sheet.peak(row.variant) >= out.ideal
              ? "compute"
              : "memory_bandwidth";
      break;
    case RowKind::attention:
    case RowKind::memory:
      out.binding = "memory_bandwidth";
      break;
    default:
      out.binding = "synchronization";
  }
  return out;
}

Evaluation Evaluator::decode(const PublishedRow& row) const {
  Evaluation out;
  out.reason = row.problem;
  if (!out.reason.empty()) return out;
  const std::string engine = engine_.empty() ? row.variant : engine_;
  const bool ideal = engine == "ideal";
  const cards::Laws& laws = laws_of(*row.device);
  const std::string card(row.device->card);
  const auto groups = cards::relatives(*row.device, *sheet_of(*row.device).card, "engine");
  const cards::Law* law = ideal ? nullptr : laws.find("engine", engine, card, groups);
  if (!law && !ideal) {
    law = laws.find("engine", "unknown", "", {});
    out.unknown_engine = true;
  }
  if (!law && !ideal) {
    out.reason = "no law of engines";
    return out;
  }
  const std::string library = cards::engine_library(engine);
  auto [at, fresh] = machines_.try_emplace({card, library});
  if (fresh) at->second = cards::with_kernels(*sheet_of(*row.device).card, laws, library);
  const auto prepared = prepare(row, at->second, out.reason);
  if (!prepared) return out;
  const double least = prepared->least_seconds_a_token();
  out.ideal = 1 / least;
  out.violates = row.measured > out.ideal;
  out.predicted = true;
  model::Step step = model::ideal_step(prepared->rates, prepared->demand);
  if (ideal) {
    out.value = out.low = out.high = out.ideal;
    out.reason = "the hardware's limit";
  } else {
    const auto& coordinates = engine_coordinates();
    const auto values = values_of(coordinates, *law);
    const double time = std::max(prepared->seconds_a_token(values), least);
    double down = 0, up = 0;
    interval(
        coordinates, *law, values, time,
        [&](const std::vector<double>& v) { return prepared->seconds_a_token(v); }, down, up);
    // Of the device's own laws, what matters is the efficiency of the weights: moved by its odds,
    // as the engine moves it.
    const auto& linear = at->second.law(row.format).efficiency;
    if (linear && linear->low < linear->high) {
      auto logit = [](double v) { return std::log(v / (1 - std::min(v, 1 - 1e-6))); };
      const std::size_t which = prepared->narrow ? 1 : 0;
      for (double end : {double(linear->low), double(linear->high)}) {
        auto v = values;
        v[which] *= std::exp(logit(end) - logit(double(linear->value)));
        const double effect = std::log(prepared->seconds_a_token(v) / time);
        (effect < 0 ? down : up) += effect * effect;
      }
    }
    const double scatter = std::pow(z90 * law->scatter, 2);
    out.value = 1 / time;
    out.low = 1 / (time * std::exp(std::sqrt(up + scatter)));
    out.high = std::min(1 / (time * std::exp(-std::sqrt(down + scatter))), out.ideal);
    out.reason = basis(*law);
    step = prepared->step(values);
  }
  out.binding = model::name(model::binding(step, 0).binding);
  return out;
}

const cards::Laws& Evaluator::laws_of(const cards::Device& device) const {
  if (own_) return laws_;
  const auto found = blind_.find(device.card);
  if (found != blind_.end()) return found->second;
  return blind_[std::string(device.card)] = laws_without(laws_, device.card);
}

Evaluation Evaluator::operator()(const PublishedRow& row) const {
  Evaluation out;
  if (!row.device) {
    out.reason = row.problem;
    return out;
  }
  return row.kind == RowKind::decode ? decode(row) : kernel(row);
}

}  // namespace limen::calibration
