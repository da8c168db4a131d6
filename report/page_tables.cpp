#include "report/page_tables.hpp"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/cards/units.hpp"
#include "report/html.hpp"
#include "results/statistics.hpp"

namespace limen::report {
namespace {

using namespace model;
using nlohmann::ordered_json;
using Row = std::vector<std::string>;

ordered_json table(const std::string& title, const Row& head, const std::vector<Row>& rows,
                   const std::string& note = "") {
  return {{"title", title}, {"note", note}, {"head", head}, {"rows", rows}};
}

std::string interval(double low, double high) {
  return low < high ? fmt::format("{} to {}", figure(low), figure(high)) : "not calibrated";
}

ordered_json prediction_rows(const std::string& title, const std::vector<PredictedCase>& cases,
                             const std::string& note) {
  std::vector<Row> rows;
  for (const auto& c : cases) {
    const auto& p = c.prediction;
    Row row = {c.model,
               c.machine,
               name(c.workload.weights),
               fmt::format("{:.0f}", c.workload.context),
               std::to_string(c.partition.tp),
               fmt::format("{:.0f}", c.workload.batch)};
    if (p.fits) {
      const std::string next =
          std::isfinite(p.limits.factor)
              ? fmt::format("{} at {}x", words(p.limits.next), figure(p.limits.factor))
              : "none";
      row.insert(row.end(), {figure(p.utps), interval(p.utps_low, p.utps_high),
                             figure(p.utps_ideal), figure(p.stps), words(p.limits.binding), next});
    } else {
      row.insert(row.end(), {"-", "-", "-", "-", "does not fit", p.why_not});
    }
    rows.push_back(row);
  }
  return table(title,
               {"model", "machine", "weights", "#context", "#TP", "#batch", "#tokens/s a user",
                "90 % interval", "#ideal limit", "#system tokens/s", "what binds", "next limit"},
               rows, note);
}

ordered_json provenance_rows(const results::Provenance& p) {
  std::vector<Row> rows;
  auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) rows.push_back({key, value});
  };
  add("host", p.host);
  add("processor", p.cpu_model);
  add("processing units used", std::to_string(p.processing_units.size()));
  add("memory", cards::to_text(bytes(static_cast<double>(p.memory_bytes)), 4));
  add("kernel", p.kernel);
  add("hypervisor", p.hypervisor);
  add("clock governor", p.governor);
  add("huge pages", p.transparent_huge_pages);
  add("load before, after", fmt::format("{:.2f}, {:.2f}", p.load_before, p.load_after));
  add("CPU time stolen meanwhile",
      fmt::format("{:.2f} s", p.steal_seconds_after - p.steal_seconds_before));
  add("GPU software", p.gpu_driver);
  for (const auto& gpu : p.gpus) add("GPU", gpu);
  for (const auto& note : p.gpu_notes) add("GPU", note);
  add("MPI", p.mpi_library);
  add("limen",
      fmt::format("{} ({}{})", p.version, p.git_sha.substr(0, 12), p.git_dirty ? ", changed" : ""));
  add("compiler", p.compiler + " " + p.flags);
  add("SIMD", p.simd_target);
  add("seed", std::to_string(p.seed));
  add("started, finished", p.started + ", " + (p.finished.empty() ? "not finished" : p.finished));
  if (p.interrupted) add("interrupted", "yes: what was not measured is missing below");
  return table("Where the figures come from: " + p.host, {"fact", "value"}, rows);
}

std::string parameters_text(const results::Parameters& parameters) {
  std::string out;
  for (const auto& [key, value] : parameters) {
    const auto* n = std::get_if<std::int64_t>(&value);
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", key,
                       n ? std::to_string(*n) : std::get<std::string>(value));
  }
  return out;
}

std::string rate_text(const Work& work, double time) {
  if (work.flops.in(flops) > 0) return cards::to_text(work.flops / seconds(time), 4);
  if (work.moved().in(bytes) > 0) return cards::to_text(work.moved() / seconds(time), 4);
  return "";
}

ordered_json measurement_rows(const results::Run& run) {
  std::vector<Row> rows;
  for (const auto& m : run.measurements) {
    Row row = {m.probe, parameters_text(m.parameters)};
    if (const auto* skipped = std::get_if<results::Skipped>(&m.outcome)) {
      row.insert(row.end(), {"", "", "", "", "skipped: " + skipped->reason});
    } else if (const auto* invalid = std::get_if<results::Invalid>(&m.outcome)) {
      row.insert(row.end(), {"", "", "", "", "invalid: " + invalid->reason});
    } else if (const auto& samples = std::get<results::Samples>(m.outcome);
               samples.visits.empty()) {
      row.insert(row.end(), {"", "", "", "0", samples.stop});
    } else {
      const auto s = results::summarize(samples);
      std::string remark = samples.stop;
      if (s.bimodal) remark += ", two modes";
      if (s.marked > 0) remark += fmt::format(", {} marked", s.marked);
      row.insert(row.end(), {cards::to_text(seconds(s.median), 4),
                             fmt::format("{:.1f} %", 100 * s.relative_half_width()),
                             rate_text(m.work, s.median), std::to_string(s.n), remark});
    }
    rows.push_back(row);
  }
  return table(
      "Measurements: " + run.provenance.host,
      {"probe", "parameters", "#median time", "#+/- (95 %)", "#rate", "#samples", "remark"}, rows);
}

}  // namespace

ordered_json tables(const Page& page) {
  ordered_json out = ordered_json::array();
  if (!page.here.empty()) {
    out.push_back(prediction_rows(
        "Decoding on this machine", page.here,
        "Ideal limit: every resource at its peak. Interval: 90 %, of the calibrated figure. Next "
        "limit: what binds once the binding resource is better by the factor given."));
  }
  if (!page.hypothetical.empty()) {
    out.push_back(prediction_rows("The same on hypothetical machines", page.hypothetical,
                                  "Hypothetical machines have no measured efficiency: their "
                                  "figures are limits."));
  }
  if (page.machine) {
    std::vector<Row> fitted;
    for (const auto& r : parameter_rows(*page.machine))
      fitted.push_back({r.key, r.value, r.interval, r.evidence, r.source});
    std::string unknown;
    for (const auto& u : page.machine->unidentified) unknown += (unknown.empty() ? "" : "; ") + u;
    out.push_back(table("The fitted machine",
                        {"parameter", "#value", "90 % interval", "evidence", "source"}, fitted,
                        unknown.empty() ? "" : "What the data could not tell: " + unknown + "."));
  }
  for (const auto* run : page.runs) {
    out.push_back(provenance_rows(run->provenance));
    out.push_back(measurement_rows(*run));
  }
  return out;
}

}  // namespace limen::report
