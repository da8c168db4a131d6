#include "report/prediction_table.hpp"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/cards/units.hpp"
#include "model/search.hpp"
#include "report/json_number.hpp"

namespace limen::report {
namespace {

using namespace model;

std::string time(Seconds t) { return cards::to_text(t, 3); }

nlohmann::ordered_json per_limit(const Step& s, bool compute_known) {
  return {{"memory_bandwidth", s.memory.in(seconds)},
          {"compute", number(compute_known ? s.compute.in(seconds) : NAN)},
          {"synchronization", s.sync.in(seconds)}};
}

nlohmann::ordered_json running(const Running& r) {
  auto known = [](const auto& v, auto unit) {
    return v ? nlohmann::ordered_json(v->in(unit)) : nlohmann::ordered_json(nullptr);
  };
  return {{"devices", r.devices},
          {"devices_for_capacity", r.devices_for_capacity ? number(*r.devices_for_capacity)
                                                          : nlohmann::ordered_json(nullptr)},
          {"power_law", name(r.law)},
          {"power_watts", known(r.power, watts)},
          {"joules_per_token", known(r.per_token, joules)},
          {"stps_per_watt",
           r.stps_per_watt ? number(*r.stps_per_watt) : nlohmann::ordered_json(nullptr)},
          {"capital_dollars_per_million_tokens", known(r.capital, dollars)},
          {"electricity_dollars_per_million_tokens", known(r.electricity, dollars)},
          {"evidence", r.evidence ? nlohmann::ordered_json(name(*r.evidence))
                                  : nlohmann::ordered_json(nullptr)}};
}

constexpr const char* energy_row = " {:>7} {:>9} {:>9} {:>9} {:>9}  ";

std::string energy_columns(const Running& r) {
  auto text = [](const auto& v) { return v ? cards::to_text(*v, 3) : std::string("-"); };
  return fmt::format(fmt::runtime(energy_row), r.devices, text(r.power), text(r.per_token),
                     r.stps_per_watt ? figure(*r.stps_per_watt) : "-", text(r.million_tokens()));
}

}  // namespace

std::string words(Limit l) {
  switch (l) {
    case Limit::memory_bandwidth:
      return "memory bandwidth";
    case Limit::compute:
      return "compute";
    case Limit::synchronization:
      return "synchronization";
    case Limit::memory_capacity:
      return "memory capacity";
  }
  return "";
}

std::string figure(double v) {
  if (!std::isfinite(v)) return "-";
  const int digits =
      v == 0 ? 0 : std::max(0, 2 - static_cast<int>(std::floor(std::log10(std::fabs(v)))));
  return fmt::format("{:.{}f}", v, std::min(digits, 6));
}

std::string drafted_by(const Case& c) {
  return c.drafts.tokens == 0 ? "" : c.drafts.by ? c.drafts.by->name : "look-up";
}

PredictedCase predicted(const Machine& m, const Case& c) {
  PredictedCase out{c.transformer->name, m.name, c.workload, c.partition, predict(m, c)};
  out.instances = instances(m, c.partition);
  out.drafts = c.drafts;
  out.drafts.by = nullptr;
  out.drafted_by = drafted_by(c);
  out.running = running(m, c, out.prediction, out.prediction.stps);
  out.running_ideal = running(m, c, out.prediction, out.prediction.stps_ideal);
  return out;
}

std::string to_table(const std::vector<PredictedCase>& cases, bool energy) {
  auto extra = [&](const char* a, const char* b, const char* c, const char* d, const char* e) {
    return energy ? fmt::format(fmt::runtime(energy_row), a, b, c, d, e) : std::string();
  };
  std::string out = fmt::format(
      "{:>4} {:>4} {:>4} {:>4} {:>6}  {:>9} {:>19} {:>9}  {:>9} {:>9}  {:>8} {:>8} {:>8}  {}{}\n"
      "{:>4} {:>4} {:>4} {:>4} {:>6}  {:>9} {:>19} {:>9}  {:>9} {:>9}  {:>8} {:>8} {:>8}  {}{}\n",
      "tp", "pp", "ep", "dp", "batch", "tokens/s", "[90 % interval]", "ideal", "system",
      "instances", "memory", "compute", "sync",
      extra("devices", "power", "energy", "tokens/s", "price of"), "binding limit", "", "", "", "",
      "", "a user", "", "a user", "tokens/s", "in all", "time", "time", "time",
      extra("in use", "", "a token", "a watt", "1M tokens"), "(next, when it is better by)");
  std::string heading;
  for (const auto& c : cases) {
    const auto& p = c.prediction;
    const auto& w = c.workload;
    std::string head = fmt::format("{} on {}, context {:.0f}, weights {}", c.model, c.machine,
                                   w.context, name(w.weights));
    if (w.experts != w.weights) head += fmt::format(", experts {}", name(w.experts));
    if (w.head != w.weights) head += fmt::format(", head {}", name(w.head));
    head += fmt::format(", KV {}", name(w.kv));
    if (c.drafts.tokens > 0) {
      head += fmt::format(", {} drafted by {} and right at {:g}: {} tokens a step", c.drafts.tokens,
                          c.drafted_by, c.drafts.acceptance, figure(p.tokens_per_step));
    }
    if (head != heading) {
      heading = head;
      out += head + "\n";
    }
    out += fmt::format("{:>4} {:>4} {:>4} {:>4} {:>6.0f}  ", c.partition.tp, c.partition.pp,
                       c.partition.ep, c.partition.dp, c.workload.batch);
    if (!p.fits) {
      out += fmt::format("does not fit: {} (largest batch {:.0f})\n", p.why_not, p.largest_batch);
      continue;
    }
    const std::string factor =
        std::isfinite(p.limits.factor)
            ? fmt::format("({} at {}x)", words(p.limits.next), figure(p.limits.factor))
        : p.compute_known ? "(nothing next)"
                          : "(compute unknown)";
    const std::string interval =
        p.utps_low < p.utps_high ? fmt::format("[{}, {}]", figure(p.utps_low), figure(p.utps_high))
                                 : "not calibrated";
    out += fmt::format("{:>9} {:>19} {:>9}  {:>9} {:>9}  {:>8} {:>8} {:>8}  {}{} {}{}\n",
                       figure(p.utps), interval, figure(p.utps_ideal), figure(p.stps), c.instances,
                       time(p.step.memory), p.compute_known ? time(p.step.compute) : "unknown",
                       time(p.step.sync), energy ? energy_columns(c.running) : "",
                       words(p.limits.binding), factor,
                       p.extrapolated ? " extrapolated to these ranks" : "");
  }
  return out;
}

std::string to_json(const std::vector<PredictedCase>& cases) {
  auto out = nlohmann::ordered_json::array();
  for (const auto& c : cases) {
    const auto& p = c.prediction;
    const auto valid = [&](double v) {
      return p.fits ? number(v) : nlohmann::ordered_json(nullptr);
    };
    const auto limits = [&](const Step& step) { return per_limit(step, p.compute_known); };
    out.push_back(nlohmann::ordered_json{{"model", c.model},
                                         {"machine", c.machine},
                                         {"tp", c.partition.tp},
                                         {"pp", c.partition.pp},
                                         {"ep", c.partition.ep},
                                         {"dp", c.partition.dp},
                                         {"batch", static_cast<long long>(c.workload.batch)},
                                         {"context", static_cast<long long>(c.workload.context)},
                                         {"weights", name(c.workload.weights)},
                                         {"experts", name(c.workload.experts)},
                                         {"head", name(c.workload.head)},
                                         {"kv", name(c.workload.kv)},
                                         {"draft", c.drafts.tokens},
                                         {"acceptance", c.drafts.acceptance},
                                         {"draft_model", c.drafted_by},
                                         {"tokens_per_step", p.tokens_per_step},
                                         {"fits", p.fits},
                                         {"reason", p.why_not},
                                         {"utps", valid(p.utps)},
                                         {"utps_low", valid(p.utps_low)},
                                         {"utps_high", valid(p.utps_high)},
                                         {"utps_ideal", valid(p.utps_ideal)},
                                         {"stps", valid(p.stps)},
                                         {"stps_low", valid(p.stps_low)},
                                         {"stps_high", valid(p.stps_high)},
                                         {"stps_ideal", valid(p.stps_ideal)},
                                         {"instances", c.instances},
                                         {"stps_machine", valid(p.stps * c.instances)},
                                         {"interval", 0.9},
                                         {"calibrated", p.utps_low < p.utps_high},
                                         {"binding_limit", name(p.limits.binding)},
                                         {"next_limit", name(p.limits.next)},
                                         {"next_factor", number(p.limits.factor)},
                                         {"binding_limit_ideal", name(p.limits_ideal.binding)},
                                         {"step_seconds", p.step.total.in(seconds)},
                                         {"draft_seconds", p.drafting.in(seconds)},
                                         {"seconds_per_limit", limits(p.step)},
                                         {"seconds_per_limit_ideal", limits(p.ideal)},
                                         {"seconds_by_part",
                                          {{"linear", p.step.linear.in(seconds)},
                                           {"attention", p.step.attention.in(seconds)},
                                           {"experts", p.step.experts.in(seconds)},
                                           {"head_apart", p.step.apart.in(seconds)},
                                           {"exchanges", p.step.exchanges.in(seconds)},
                                           {"fixed", p.step.fixed.in(seconds)}}},
                                         {"bytes_held", p.held.in(bytes)},
                                         {"bytes_capacity", number(p.capacity.in(bytes))},
                                         {"largest_batch", number(p.largest_batch)},
                                         {"compute_known", p.compute_known},
                                         {"running", running(c.running)},
                                         {"running_ideal", running(c.running_ideal)},
                                         {"extrapolated", p.extrapolated}});
    for (const auto& [key, evidence] : c.evidence) out.back()["evidence"][key] = name(evidence);
  }
  return out.dump(2) + "\n";
}

}  // namespace limen::report
