// limen show: one run, its provenance on top, then a line a measurement.
#include <algorithm>
#include <iterator>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/text_table.hpp"
#include "results/records.hpp"
#include "results/statistics.hpp"
#include "results/store.hpp"
#include "results/text.hpp"

namespace limen::cli {

namespace {

using nlohmann::json;
using namespace results;

struct Options {
  std::string run, probe;
  bool json = false;
};

// What a rate counts: of a kernel the bytes read and written, as STREAM does; of a copy or message
// between memories its payload, once, as the benchmarks of links do.
model::Bytes counted(const Measurement& m) {
  constexpr const char* links[] = {"gpu.copy", "gpu.peer", "gpu.nccl", "gpu.allreduce", "mpi.",
                                   "device.",  "osu.",     "nccl",     "nvbandwidth"};
  const bool link = std::any_of(std::begin(links), std::end(links),
                                [&](const char* start) { return m.probe.rfind(start, 0) == 0; });
  return link ? std::max(m.work.read, m.work.written) : m.work.moved();
}

std::string rates(const Measurement& m, double seconds) {
  const model::Work& work = m.work;
  std::vector<std::string> all;
  if (counted(m) > model::bytes(0.0))
    all.push_back(fmt::format(
        "{:.2f} GB/s", (counted(m) / model::seconds(seconds)).in(model::gigabytes_per_second)));
  if (work.flops > model::flops(0.0))
    all.push_back(fmt::format(
        "{:.2f} GFLOP/s", (work.flops / model::seconds(seconds)).in(model::gigaflops_per_second)));
  return fmt::format("{}", fmt::join(all, ", "));
}

std::string modes_text(const Summary& s) {
  std::vector<std::string> texts;
  for (double mode : s.modes) texts.push_back(time_text(mode));
  return fmt::format("{}", fmt::join(texts, " | "));
}

std::string facts(const Provenance& p) {
  std::string out;
  const auto line = [&out](const char* what, const std::string& text) {
    if (!text.empty()) out += fmt::format("{:<11}{}\n", what, text);
  };
  if (!p.imported.empty()) {  // nothing is known of the host but what the files say
    line("host", p.host);
    line("cpu", p.cpu_model);
    for (const Imported& i : p.imported)
      line("imported", fmt::format("{} ({}), {} {}{}{}", i.file, i.hash, i.tool, i.version,
                                   i.device.empty() ? "" : ", of ", i.device));
    line("by limen", p.version + " " + p.git_sha.substr(0, 12));
    line("time", p.started);
    return out;
  }
  line("limen", fmt::format("{} {}{}, {} {}", p.version, p.git_sha.substr(0, 12),
                            p.git_dirty ? " (changed)" : "", p.compiler, p.build_type));
  line("arguments", fmt::format("{}", fmt::join(p.arguments, " ")));
  line("host", fmt::format("{}, {}, {}", p.host, p.os, p.kernel));
  line("cpu", p.cpu_model + (p.processing_units.empty()
                                 ? ""
                                 : fmt::format(", units {}", fmt::join(p.processing_units, " "))));
  line("memory", fmt::format("{:.1f} GB{}", static_cast<double>(p.memory_bytes) / 1e9,
                             p.memory_limit_bytes > 0
                                 ? fmt::format(", limited to {:.1f} GB",
                                               static_cast<double>(p.memory_limit_bytes) / 1e9)
                                 : ""));
  line("hypervisor", p.hypervisor);
  line("governor", p.governor);
  line("steal",
       fmt::format("{:.2f} s",
                   p.steal_seconds_after > 0 ? p.steal_seconds_after - p.steal_seconds_before : 0));
  line("gpu", p.gpu_emulated ? "EMULATED by a CPU: times of GPUs mean nothing" : "");
  line("gpu", p.gpu_driver);
  for (const auto& gpu : p.gpus) line("gpu", gpu);
  for (const auto& note : p.gpu_notes) line("gpu", note);
  line("mpi", p.mpi_library);
  line("time", p.started + (p.finished.empty() ? ", never finished" : " to " + p.finished) +
                   (p.interrupted ? ", interrupted" : ""));
  return out;
}

std::string table_of(const Run& run, const std::string& probe) {
  TextTable table({"probe", "parameters", ">median", ">95 % interval", "rate", ">n", ">marked",
                   "modes", "ended"});
  for (const Measurement& m : run.measurements) {
    if (!probe.empty() && m.probe != probe) continue;
    std::vector<std::string> row{m.probe, describe(m.parameters)};
    const auto* samples = std::get_if<Samples>(&m.outcome);
    if (samples && samples->visits.empty()) {  // verified and not timed
      row.insert(row.end(), {"-", "", "", "0", "", "", samples->stop});
    } else if (samples) {
      const Summary s = summarize(*samples);
      row.insert(row.end(),
                 {time_text(s.median), interval_text(s.interval, time_text), rates(m, s.median),
                  std::to_string(s.n), s.marked > 0 ? std::to_string(s.marked) : "", modes_text(s),
                  samples->stop});
    } else {
      const auto* skipped = std::get_if<Skipped>(&m.outcome);
      row.insert(row.end(), {"-", "", "", "", "", "",
                             skipped ? "skipped: " + skipped->reason
                                     : "invalid: " + std::get<Invalid>(m.outcome).reason});
    }
    table.add(std::move(row));
  }
  return table.text();
}

json json_of(const Measurement& m) {
  json parameters = json::object();
  for (const auto& [key, value] : m.parameters)
    std::visit([&parameters, &name = key](const auto& v) { parameters[name] = v; }, value);
  json out{{"probe", m.probe}, {"parameters", parameters}};
  if (const auto* skipped = std::get_if<Skipped>(&m.outcome)) out["skipped"] = skipped->reason;
  if (const auto* invalid = std::get_if<Invalid>(&m.outcome)) out["invalid"] = invalid->reason;
  const auto* samples = std::get_if<Samples>(&m.outcome);
  if (!samples) return out;
  if (samples->visits.empty()) {
    out["stop"] = samples->stop;
    return out;
  }
  const Summary s = summarize(*samples);
  out.update({{"median_s", s.median},
              {"interval_s", s.interval.known() ? json{s.interval.low, s.interval.high} : json()},
              {"best_s", s.best},
              {"p10_s", s.p10},
              {"p90_s", s.p90},
              {"worst_s", s.worst},
              {"mad_s", s.mad},
              {"n", s.n},
              {"effective_n", s.effective_n},
              {"marked", s.marked},
              {"modes_s", s.modes},
              {"stop", samples->stop}});
  double joules = 0, executions = 0;
  for (const auto& visit : samples->visits) {
    joules += visit.joules;
    if (visit.joules > 0)
      executions += static_cast<double>(visit.inner * std::ssize(visit.seconds));
  }
  if (executions > 0) out["joules_per_execution"] = joules / executions;
  if (counted(m) > model::bytes(0.0))
    out["bytes_per_second"] = counted(m).in(model::bytes) / s.median;
  if (m.work.flops > model::flops(0.0))
    out["flops_per_second"] = m.work.flops.in(model::flops) / s.median;
  return out;
}

Exit show(const Options& o) {
  const Run run = load_run(o.run);
  for (const std::string& warning : run.warnings) fmt::print(stderr, "limen: {}\n", warning);
  bool found = o.probe.empty();
  for (const Measurement& m : run.measurements) found = found || m.probe == o.probe;
  if (!found)
    throw Error(
        fmt::format("{}: has no probe '{}'; without --probe all are shown", o.run, o.probe));
  if (!o.json) {
    fmt::print("{}\n{}", facts(run.provenance), table_of(run, o.probe));
    return Exit::ok;
  }
  json all = json::array();
  for (const Measurement& m : run.measurements)
    if (o.probe.empty() || m.probe == o.probe) all.push_back(json_of(m));
  const json root{{"run", o.run},
                  {"provenance", json::parse(run_record(run.provenance))["provenance"]},
                  {"measurements", all},
                  {"warnings", run.warnings}};
  fmt::print("{}\n", root.dump(1, ' ', false, json::error_handler_t::replace));
  return Exit::ok;
}

}  // namespace

void add_show(CLI::App& app, Exit& code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("show", "Show one run");
  command->add_option("RUN", o->run, "The folder of the run")->required();
  command->add_option("--probe", o->probe, "Only this probe");
  command->add_flag("--json", o->json, "As JSON");
  command->callback([o, &code] { code = show(*o); });
}

}  // namespace limen::cli
