#include "cli/verify_report.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cli/text_table.hpp"
#include "probes/interference.hpp"
#include "report/agreement.hpp"

namespace limen::cli {
namespace {

constexpr double same_within = 0.1;
constexpr double scaled_within = 2;  // at 1.7 the laws' shares of it were off by 13 %

kernels::OpSeconds medians(const std::vector<kernels::OpSeconds>& samples) {
  kernels::OpSeconds out{};
  for (std::size_t op = 0; !samples.empty() && op < out.size(); ++op) {
    std::vector<double> of_op;
    for (const auto& s : samples) of_op.push_back(s[op]);
    out[op] = results::median_of(std::move(of_op));
  }
  return out;
}

// As far as both are known.
bool has_cores(const probes::DecodeVisit& v, const model::Machine& m) {
  return v.multiply_rate == 0 || !m.compute_scalar ||
         v.multiply_rate >= probes::own_cores * m.compute_scalar->value.in(model::flops_per_second);
}

bool has_memory(const probes::DecodeVisit& v, double rate) {
  return std::abs(v.read_rate / rate - 1) <= same_within;
}

bool is_usable(const probes::DecodeVisit& v, const model::Machine& m) {
  return !v.samples.empty() && !v.emulated && has_cores(v, m);
}

// What a calibration has for the read loop.
double usual_rate(const model::Machine& m) {
  return m.memory_bandwidth->value.in(model::bytes_per_second) *
         (m.memory_efficiency ? double(m.memory_efficiency->value) : 1.0);
}

// The calibration's, if a usable visit had it; else that of the first one that is in reach.
double rate_to_hold_against(const probes::DecodeTimes& times, const model::Machine& m) {
  const double usual = usual_rate(m);
  double other = usual;
  for (const auto& v : times) {
    if (!is_usable(v, m)) continue;
    if (has_memory(v, usual)) return usual;
    const double scale = v.read_rate / usual;
    if (other == usual && scale <= scaled_within && scale >= 1 / scaled_within) other = v.read_rate;
  }
  return other;
}

std::string text_of(const ErrorSummary& e) {
  return fmt::format("{} cases, median error {}, worst {}, {} inside their 90 % interval", e.n,
                     percent(e.median), percent(e.worst), percent(e.coverage));
}

std::string summary_text(const std::vector<VerifiedCase>& cases, const char* between) {
  const auto as_calibrated = errors_of(cases, Memory::as_calibrated),
             scaled = errors_of(cases, Memory::scaled);
  if (as_calibrated.n + scaled.n == 0)
    return "No case was judged: nothing was measured that the prediction can be held against";
  std::vector<std::string> lines;
  if (as_calibrated.n > 0) lines.push_back("As calibrated: " + text_of(as_calibrated));
  if (scaled.n > 0)
    lines.push_back("With the memory as fast as beside the step: " + text_of(scaled));
  return fmt::format("{}", fmt::join(lines, between));
}

nlohmann::ordered_json json_of(const ErrorSummary& e) {
  if (e.n == 0) return {{"cases", 0}};
  return {{"cases", e.n},
          {"median_error", e.median},
          {"worst_error", e.worst},
          {"coverage_of_90_percent_intervals", e.coverage}};
}

}  // namespace

VerifiedCase verified(const std::vector<model::Machine>& machines, const model::Transformer& t,
                      model::Format f, const probes::DecodeOrder& order, std::size_t at, int tp,
                      const probes::DecodeTimes& times) {
  const probes::DecodePoint& point = order.points[at];
  const auto as_calibrated = [&](const model::Machine& m) {
    return std::count_if(times.begin(), times.end(), [&](const auto& v) {
      return is_usable(v, m) && has_memory(v, usual_rate(m));
    });
  };
  const model::Machine& calibrated = *std::max_element(
      machines.begin(), machines.end(),
      [&](const auto& a, const auto& b) { return as_calibrated(a) < as_calibrated(b); });
  VerifiedCase v;
  v.machine = calibrated.name;
  v.model = t.name;
  v.format = f;
  v.layers_run = order.shape.layers.size();
  v.reduction = reduction_text(t, order);
  v.layers = static_cast<std::size_t>(t.layers());
  v.point = point;
  v.tp = tp;
  v.calibrated_rate = usual_rate(calibrated);
  const double rate = rate_to_hold_against(times, calibrated);
  results::Samples steps;
  std::vector<kernels::OpSeconds> samples;
  std::vector<double> rates;
  for (const auto& visit : times) {
    v.disturbed += visit.disturbed;
    v.memories = visit.memories;
    v.emulated = v.emulated || visit.emulated;
    v.other_memory += !has_memory(visit, v.calibrated_rate);
    v.other_cores += !has_cores(visit, calibrated);
    if (!is_usable(visit, calibrated) || !has_memory(visit, rate)) continue;
    steps.visits.emplace_back();
    for (const auto& s : visit.samples)
      steps.visits.back().seconds.push_back(probes::seconds_of(s));
    samples.insert(samples.end(), visit.samples.begin(), visit.samples.end());
    rates.push_back(visit.read_rate);
    v.experts_read += visit.experts_read;
  }
  if (!samples.empty()) {
    v.measured = results::summarize(steps);
    v.measured_operators = medians(samples);
    v.experts_read /= static_cast<double>(rates.size());
    v.read_rate = results::median_of(std::move(rates));
    if (rate != v.calibrated_rate) v.memory_scale = v.read_rate / v.calibrated_rate;
  }
  const model::Machine machine = with_memory(calibrated, v.memory_scale);
  const model::Case c{&t, {double(point.sequences), double(point.context), f}, {.tp = tp}};
  const model::Prediction p = model::predict(machine, c), unscaled = model::predict(calibrated, c);
  v.predicted = p.step.total.in(model::seconds);
  // Another memory may help the kernels in full, or not at all.
  v.low = 1 / std::max(p.utps_high, unscaled.utps_high);
  v.high = 1 / std::min(p.utps_low, unscaled.utps_low);
  v.predicted_operators = predicted_operators(machine, c);
  for (const auto& part : model::demand_of(c).parts)
    v.bytes += tp * part.work.read.in(model::bytes);
  return v;
}

ErrorSummary errors_of(const std::vector<VerifiedCase>& cases, Memory memory) {
  std::vector<double> errors;
  std::size_t inside = 0;
  for (const auto& c : cases) {
    if (!c.timed() || c.as_calibrated() != (memory == Memory::as_calibrated)) continue;
    errors.push_back(std::abs(c.error()));
    inside += c.inside() ? 1 : 0;
  }
  if (errors.empty()) return {};
  const double worst = *std::max_element(errors.begin(), errors.end());
  const double n = static_cast<double>(errors.size());
  return {errors.size(), results::median_of(errors), worst, static_cast<double>(inside) / n};
}

namespace {

std::string read_text(const VerifiedCase& c) {
  const auto rate = fmt::format("{:.1f} GB/s", c.read_rate / 1e9);
  return c.as_calibrated() ? rate : rate + fmt::format(" ({:.2f}x)", c.memory_scale);
}

}  // namespace

std::string verified_text(const std::vector<VerifiedCase>& cases) {
  TextTable table({"machine", "model", "weights", ">tp", ">batch", ">context", ">layers run",
                   ">predicted", ">90 % interval", ">measured", ">95 % interval", ">error",
                   "inside", ">of the limit", ">read loop", ">n"});
  for (const auto& c : cases) {
    std::vector<std::string> row{c.machine,
                                 c.model,
                                 model::name(c.format),
                                 std::to_string(c.tp),
                                 std::to_string(c.point.sequences),
                                 std::to_string(c.point.context),
                                 fmt::format("{} of {}", c.layers_run, c.layers),
                                 time_text(c.predicted),
                                 interval_text({c.low, c.high}, time_text)};
    if (c.timed()) {
      row.insert(
          row.end(),
          {time_text(c.measured.median), interval_text(c.measured.interval, time_text),
           fmt::format("{:+.1f} %", 100 * c.error()), c.inside() ? "yes" : "no",
           fmt::format("{:.2f}", c.share_of_limit()), read_text(c), std::to_string(c.measured.n)});
    } else {
      row.emplace_back(c.emulated           ? "emulated: no measurement"
                       : c.other_cores > 0  ? "other cores than calibrated"
                       : c.other_memory > 0 ? "another memory than calibrated"
                                            : "never undisturbed");
    }
    table.add(row);
  }
  std::string out = fmt::format("A decode step, all layers\n{}\n", table.text());
  std::vector<std::string> reductions;
  for (const auto& c : cases)
    if (std::find(reductions.begin(), reductions.end(), c.reduction) == reductions.end())
      reductions.push_back(c.reduction);
  for (const auto& r : reductions) out += r + "\n";
  out += "\n";
  out += "By operator, predicted / measured\n";
  std::vector<std::string> headings{"model", "weights", ">tp", ">batch", ">context"};
  for (const char* name : kernels::op_names) headings.push_back(std::string(">") + name);
  TextTable operators(headings);
  for (const auto& c : cases) {
    std::vector<std::string> row{c.model, model::name(c.format), std::to_string(c.tp),
                                 std::to_string(c.point.sequences),
                                 std::to_string(c.point.context)};
    for (std::size_t op = 0; op < kernels::op_names.size(); ++op) {
      const double p = c.predicted_operators[op], m = c.measured_operators[op];
      row.push_back(p + m == 0  ? ""
                    : c.timed() ? fmt::format("{:.3g} / {:.3g} ms", 1e3 * p, 1e3 * m)
                                : fmt::format("{:.3g} ms / -", 1e3 * p));
    }
    operators.add(row);
  }
  out += operators.text();
  out += fmt::format("\n{}\n", summary_text(cases, "\n"));
  const auto untimed =
      std::count_if(cases.begin(), cases.end(), [](const auto& c) { return !c.timed(); });
  if (untimed > 0)
    out += fmt::format(
        "{} cases tell nothing: the memory was not within a factor of {} of the calibration's, the "
        "cores were shared, other work disturbed every repetition, or the GPU was emulated\n",
        untimed, scaled_within);
  return out;
}

std::string verified_json(const std::vector<VerifiedCase>& cases) {
  nlohmann::ordered_json out{
      {"summary", json_of(errors_of(cases, Memory::as_calibrated))},
      {"summary_with_memory_scaled", json_of(errors_of(cases, Memory::scaled))},
      {"cases", nlohmann::ordered_json::array()}};
  for (const auto& c : cases) {
    nlohmann::ordered_json one{
        {"machine", c.machine},
        {"model", c.model},
        {"weights", model::name(c.format)},
        {"tp", c.tp},
        {"batch", c.point.sequences},
        {"context", c.point.context},
        {"layers_run", c.layers_run},
        {"layers", c.layers},
        {"reduction", c.reduction},
        {"predicted_seconds", {{"value", c.predicted}, {"low", c.low}, {"high", c.high}}}};
    if (c.timed()) {
      const auto end = [&](double seconds) {
        return c.measured.interval.known() ? nlohmann::ordered_json(seconds)
                                           : nlohmann::ordered_json();
      };
      one["measured_seconds"] = {{"median", c.measured.median},
                                 {"low", end(c.measured.interval.low)},
                                 {"high", end(c.measured.interval.high)},
                                 {"samples", c.measured.n}};
      one["error"] = c.error();
      one["inside"] = c.inside();
      one["share_of_bandwidth_limit"] = c.share_of_limit();
    }
    one["repetitions_disturbed"] = c.disturbed;
    one["visits_with_another_memory"] = c.other_memory;
    one["visits_with_other_cores"] = c.other_cores;
    one["memory_scaled_by"] = c.memory_scale;
    if (c.emulated) one["emulated"] = true;
    if (c.timed()) one["read_loop_bytes_per_second"] = c.read_rate;
    one["calibrated_bytes_per_second"] = c.calibrated_rate;
    if (c.experts_read > 0) one["experts_read_a_layer"] = c.experts_read;
    for (std::size_t op = 0; op < kernels::op_names.size(); ++op) {
      const double p = c.predicted_operators[op], m = c.measured_operators[op];
      if (p + m > 0)
        one["operators"][kernels::op_names[op]] = {{"predicted_seconds", p},
                                                   {"measured_seconds", m}};
    }
    out["cases"].push_back(one);
  }
  return out.dump(1) + "\n";
}

report::Chart verified_chart(const std::vector<VerifiedCase>& cases) {
  std::vector<report::Compared> compared;
  for (const auto& c : cases) {
    if (!c.timed()) continue;
    compared.push_back(
        {model::name(c.format) + std::string(c.tp > 1 ? ", several ranks" : ""),
         fmt::format("{} on {}, tp {}, batch {}, context {}, memory {}", c.model, c.machine, c.tp,
                     c.point.sequences, c.point.context, read_text(c)),
         c.predicted, c.low, c.high, c.measured.median});
  }
  return report::agreement("A decode step: measured against predicted", summary_text(cases, "; "),
                           compared);
}

}  // namespace limen::cli
