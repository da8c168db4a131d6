#include "report/page_data.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/cards/laws.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "report/html.hpp"
#include "report/json_number.hpp"
#include "report/page/wasm/flat.hpp"
#include "report/page_tables.hpp"
#include "report/roofline.hpp"
#include "results/statistics.hpp"

namespace limen::report {
namespace {

using namespace model;
using nlohmann::ordered_json;

int place(Format f) { return static_cast<int>(f); }

// Whole ones without their ".0": there are many.
ordered_json numbers(const std::vector<double>& row) {
  ordered_json out = ordered_json::array();
  for (const double v : row) {
    const bool whole = std::fabs(v) < 1e15 && v == std::floor(v) && !(v == 0 && std::signbit(v));
    if (whole)
      out.push_back(static_cast<std::int64_t>(v));
    else
      out.push_back(v);
  }
  return out;
}

// Evidence of the parameters of a row, a letter each, in its order.
std::string letters(const Machine& m) {
  std::string out;
  for_each_parameter(m, [&](const std::string& key, const auto& p) {
    if (p && page::is_used(key))
      out += p->evidence == Evidence::unverified ? 'u' : name(p->evidence)[0];
  });
  return out;
}

ordered_json json_of(const Machine& m, const char* group) {
  ordered_json fits = ordered_json::array();
  for (const auto& x : m.all_reduce) {
    fits.push_back({{"ranks", x.ranks},
                    {"from", x.from.in(bytes)},
                    {"alpha", x.alpha.value.in(seconds)},
                    {"beta", x.beta.value.in(seconds_per_byte)}});
  }
  ordered_json levels = ordered_json::array();
  for (const auto& l : m.levels) {
    levels.push_back({{"name", l.name},
                      {"threads", l.threads},
                      {"capacity", l.capacity ? number(l.capacity->in(bytes)) : nullptr},
                      {"bandwidth", l.bandwidth.value.in(bytes_per_second)}});
  }
  ordered_json out{{"name", m.name},
                   {"description", m.description},
                   {"group", group},
                   {"devices", m.devices},
                   {"ranks_per_device", m.ranks_per_device},
                   {"row", numbers(page::to_row(m))},
                   {"evidence", letters(m)}};
  if (!fits.empty()) out["all_reduce"] = fits;
  if (!levels.empty()) out["levels"] = levels;
  return out;
}

ordered_json machines(const Page& p) {
  ordered_json out = ordered_json::array();
  if (p.machine && p.machine->memory_bandwidth) out.push_back(json_of(*p.machine, "measured here"));
  for (const auto& m : p.others)
    if (m.memory_bandwidth) out.push_back(json_of(m, "given"));
  for (const auto& card : cards::machine_names()) {
    const Machine m = cards::with_laws(cards::find_machine(card), cards::built_in_laws(), "none");
    if (!m.memory_bandwidth) continue;
    const bool real = m.memory_bandwidth->evidence != Evidence::hypothetical;
    out.push_back(json_of(m, real ? "datasheets and published measurements" : "hypothetical"));
  }
  return out;
}

ordered_json models() {
  ordered_json out = ordered_json::array();
  for (const auto& card : cards::model_names()) {
    const Transformer t = cards::find_model(card);
    ordered_json m{{"name", t.name},
                   {"row", numbers(page::to_row(t))},
                   {"parameters", t.parameters()},
                   {"active", t.active_parameters()},
                   {"layers", t.layers()},
                   {"max_context", t.max_context},
                   {"experts", t.expert_parameters() > 0}};
    if (t.native_unknown.empty())
      m["native"] = {place(t.native.weights), place(t.native.experts), place(t.native.head)};
    out.push_back(m);
  }
  return out;
}

// The case that the page opens with.
ordered_json first_case(const Page& p) {
  for (const auto& c : p.here) {
    if (!c.prediction.fits) continue;
    return {{"model", c.model},
            {"machine", c.machine},
            {"weights", name(c.workload.weights)},
            {"kv", name(c.workload.kv)},
            {"context", c.workload.context},
            {"batch", c.workload.batch},
            {"tp", c.partition.tp}};
  }
  ordered_json out{{"model", "llama-3.1-70b"}, {"weights", "fp8"}, {"kv", "bf16"},
                   {"context", 4096},          {"batch", 1},       {"tp", 8}};
  out["machine"] = p.others.empty() ? "h100-8" : p.others.front().name;
  return out;
}

std::string word(const results::Parameters& p, const char* key) {
  const auto it = p.find(key);
  const auto* s = it == p.end() ? nullptr : std::get_if<std::string>(&it->second);
  return s ? *s : "";
}
std::int64_t integer(const results::Parameters& p, const char* key) {
  const auto it = p.find(key);
  const auto* n = it == p.end() ? nullptr : std::get_if<std::int64_t>(&it->second);
  return n ? *n : 0;
}

// Medians with their 95 % intervals, of what the page plots.
ordered_json measured(const results::Run& run) {
  ordered_json all_reduce = ordered_json::array(), memory = ordered_json::array(),
               roofline = ordered_json::array();
  for (const auto& m : run.measurements) {
    const auto* samples = std::get_if<results::Samples>(&m.outcome);
    if (!samples || samples->visits.empty()) continue;
    const auto& p = m.parameters;
    const bool exchange = m.probe == "mpi.allreduce" || m.probe == "sync.allreduce" ||
                          m.probe == "gpu.allreduce" ||
                          (m.probe == "gpu.nccl" && word(p, "collective") == "all_reduce");
    const bool stream = m.probe == "memory.stream" || m.probe == "gpu.stream";
    if (!exchange && !stream) continue;
    const auto s = results::summarize(*samples);
    ordered_json one{{"probe", m.probe},
                     {"bytes", integer(p, "bytes")},
                     {"threads", integer(p, "threads")},
                     {"ranks", std::max(integer(p, "ranks"), integer(p, "threads"))},
                     {"seconds", s.median},
                     {"low", s.drawn().low},
                     {"high", s.drawn().high}};
    if (stream) {
      one["kernel"] = word(p, "kernel");
      one["moved"] = m.work.moved().in(bytes);
    }
    (exchange ? all_reduce : memory).push_back(one);
  }
  for (const auto& p : roofline_points(run.measurements)) {
    roofline.push_back({{"series", p.series},
                        {"label", p.label},
                        {"intensity", p.intensity},
                        {"rate", p.rate},
                        {"low", p.low},
                        {"high", p.high}});
  }
  return {{"host", run.provenance.host},
          {"all_reduce", all_reduce},
          {"memory", memory},
          {"roofline", roofline}};
}

ordered_json origin(const Page& p) {
  ordered_json out = ordered_json::array();
  for (const auto* run : p.runs) {
    const auto& v = run->provenance;
    out.push_back({{"host", v.host},
                   {"what", v.gpus.empty() ? v.cpu_model : v.gpu_model},
                   {"units", v.processing_units.size()},
                   {"started", v.started},
                   {"version", v.version},
                   {"revision", v.git_sha.substr(0, 12)},
                   {"emulated", v.gpu_emulated},
                   {"interrupted", v.interrupted}});
  }
  return out;
}

// Four digits are enough for a plot.
ordered_json rounded(double v) {
  return std::isfinite(v) ? ordered_json(std::stod(fmt::format("{:.4g}", v))) : nullptr;
}

ordered_json comparisons(const Page& p) {
  ordered_json out = ordered_json::array();
  for (const auto& [title, rows] : p.compared) {
    ordered_json list = ordered_json::array();
    for (const auto& r : rows) {
      list.push_back({r.series, r.label, rounded(r.measured), rounded(r.predicted_low),
                      rounded(r.predicted), rounded(r.predicted_high)});
    }
    out.push_back(
        {{"title", title}, {"unit", rows.empty() ? "" : rows.front().unit}, {"rows", list}});
  }
  return out;
}

}  // namespace

std::string page_data(const Page& page) {
  ordered_json weights = ordered_json::array(), kv = ordered_json::array(),
               all = ordered_json::array(), keys = ordered_json::array();
  for (Format f : weight_formats) weights.push_back(place(f));
  for (Format f : kv_formats) kv.push_back(place(f));
  for (const auto& f : format_facts)
    all.push_back({{"name", f.name}, {"family", place(f.family)}, {"bytes", f.weight_bytes}});
  const Machine any;
  for_each_parameter(any, [&](const std::string& key, const auto&) { keys.push_back(key); });
  ordered_json runs = ordered_json::array(), fleet = ordered_json::array();
  for (const auto* run : page.runs) runs.push_back(measured(*run));
  for (const auto& c : page.fleet)
    fleet.push_back(
        {{"host", c.host}, {"figure", c.figure}, {"text", c.text}, {"score", number(c.score)}});
  const ordered_json root{
      {"formats", all},         {"weight_formats", weights},      {"kv_formats", kv},
      {"keys", keys},           {"row_head", page::machine_head}, {"first", first_case(page)},
      {"origin", origin(page)}, {"machines", machines(page)},     {"models", models()},
      {"runs", runs},           {"compared", comparisons(page)},  {"fleet", fleet},
      {"tables", tables(page)}};
  const std::string text = root.dump(-1, ' ', true, ordered_json::error_handler_t::replace);
  std::string out;
  for (char c : text) {  // JSON has these in strings alone
    switch (c) {
      case '<':
        out += "\\u003c";
        break;
      case '>':
        out += "\\u003e";
        break;
      case '&':
        out += "\\u0026";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace limen::report
