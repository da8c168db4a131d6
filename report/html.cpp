#include "report/html.hpp"

#include <cmath>

#include <fmt/format.h>

#include "model/cards/units.hpp"
#include "report/escape.hpp"
#include "report/roofline.hpp"
#include "results/statistics.hpp"

namespace limen::report {
namespace {

using namespace model;

constexpr const char* style = R"(
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.warning { border: 2px solid #c00; padding: .6rem; font-weight: bold; }
.verdict { font-size: 1.1rem; } .scroll { overflow-x: auto; } svg { width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .87rem; }
th, td { text-align: left; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; } .note { opacity: .75; font-size: .87rem; }
@media print { body { margin: 0; max-width: none; } }
)";

using Row = std::vector<std::string>;

// Columns whose heading begins with '#' hold figures and are set flush right.
std::string table(const Row& head, const std::vector<Row>& rows) {
  std::string out = "<div class=\"scroll\"><table><tr>";
  std::vector<bool> figures;
  for (const auto& h : head) {
    figures.push_back(!h.empty() && h[0] == '#');
    out += fmt::format("<th{}>{}</th>", figures.back() ? " class=\"n\"" : "",
                       escape(figures.back() ? h.substr(1) : h));
  }
  out += "</tr>\n";
  for (const auto& row : rows) {
    out += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += fmt::format("<td{}>{}</td>", figures[i] ? " class=\"n\"" : "", escape(row[i]));
    }
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

std::string interval(double low, double high) {
  return low < high ? fmt::format("{} to {}", figure(low), figure(high)) : "not calibrated";
}

std::string prediction_rows(const std::vector<PredictedCase>& cases) {
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
  return table({"model", "machine", "weights", "#context", "#TP", "#batch", "#tokens/s a user",
                "90 % interval", "#ideal limit", "#system tokens/s", "what binds", "next limit"},
               rows);
}

std::string provenance_rows(const results::Provenance& p) {
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
  return table({"fact", "value"}, rows);
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

std::string measurement_rows(const results::Run& run) {
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
      {"probe", "parameters", "#median time", "#+/- (95 %)", "#rate", "#samples", "remark"}, rows);
}

}  // namespace

std::vector<ParameterRow> parameter_rows(const Machine& machine) {
  std::vector<ParameterRow> rows;
  auto add = [&](const std::string& key, const auto& p) {
    rows.push_back({key, cards::to_text(p.value, 4),
                    p.low < p.high ? fmt::format("{} to {}", cards::to_text(p.low, 4),
                                                 cards::to_text(p.high, 4))
                                   : "",
                    name(p.evidence), p.source});
  };
  for_each_parameter(machine, [&](const std::string& key, const auto& p) {
    if (p) add(key, *p);
  });
  for (const auto& piece : machine.all_reduce) {
    const std::string what =
        fmt::format("all-reduce, {} ranks, from {}", piece.ranks, cards::to_text(piece.from, 4));
    add(what + ": alpha", piece.alpha);
    add(what + ": beta", piece.beta);
  }
  for (const auto& l : machine.levels) {
    const std::string what =
        fmt::format("{}, {} threads{}", l.name, l.threads,
                    l.capacity ? ", up to " + cards::to_text(*l.capacity, 3) : "");
    add(what + ": bandwidth", l.bandwidth);
    if (l.latency) add(what + ": latency", *l.latency);
  }
  return rows;
}

std::string verdict(const Page& page) {
  const Machine& m = *page.machine;
  std::string out =
      fmt::format("{} reads memory at {}", m.name, cards::to_text(m.memory_bandwidth->value, 3));
  for (const auto& c : page.here) {
    if (!c.prediction.fits) continue;
    const auto& p = c.prediction;
    out += fmt::format(
        "; {} ({} weights, batch {:.0f}, context {:.0f}) decodes at {} tokens/s, {} of its ideal "
        "limit; {} binds",
        c.model, name(c.workload.weights), c.workload.batch, c.workload.context, figure(p.utps),
        fmt::format("{:.0f} %", 100 * p.utps / p.utps_ideal), words(p.limits.binding));
    if (std::isfinite(p.limits.factor)) {
      out += fmt::format(" and would have to be {} times better before {} does",
                         figure(p.limits.factor), words(p.limits.next));
    }
    break;
  }
  return out + ".";
}

std::string html_page(const Page& page) {
  const Machine& m = *page.machine;
  std::vector<Row> fitted;
  for (const auto& r : parameter_rows(m))
    fitted.push_back({r.key, r.value, r.interval, r.evidence, r.source});
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>limen: "
      "{}</title>\n"
      "<style>{}</style>\n</head>\n<body>\n<h1>{}</h1>\n<p class=\"verdict\">{}</p>\n",
      escape(m.name), style, escape(m.name), escape(verdict(page)));
  if (page.run->provenance.gpu_emulated)
    out +=
        "<p class=\"warning\">The GPUs of this run were emulated by a CPU. Their times mean "
        "nothing, and nothing here was fitted to them.</p>\n";
  out += "<h2>Roofline</h2>\n" + roofline_svg(m, roofline_points(page.run->measurements)) +
         "<p class=\"note\">Points: linear layers with cold weights, all threads, median and its "
         "95 % interval. Roofs: the measured "
         "read bandwidth and multiply-add peaks.</p>\n";
  out += "<h2>Decoding on this machine</h2>\n" + prediction_rows(page.here);
  out += "<h2>The same on hypothetical machines</h2>\n" + prediction_rows(page.hypothetical) +
         "<p class=\"note\">Ideal limit: every resource at its peak. Interval: 90 %, of the "
         "calibrated figure. Next limit: what binds "
         "once the binding resource is better by the factor given. Hypothetical machines have no "
         "measured efficiency: their figures "
         "are limits.</p>\n";
  out += "<h2>The fitted machine</h2>\n" +
         table({"parameter", "#value", "90 % interval", "evidence", "source"}, fitted);
  if (!m.unidentified.empty()) {
    out += "<p>What the data could not tell:</p>\n<ul>\n";
    for (const auto& u : m.unidentified) out += fmt::format("<li>{}</li>\n", escape(u));
    out += "</ul>\n";
  }
  out += "<h2>Where the figures come from</h2>\n" + provenance_rows(page.run->provenance);
  out += "<h2>Measurements</h2>\n" + measurement_rows(*page.run);
  return out + "</body>\n</html>\n";
}

}  // namespace limen::report
