// limen report: runs and tables of measurements -> one page with the model in it.
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "calibration/calibrate.hpp"
#include "cli/cases.hpp"
#include "cli/commands.hpp"
#include "cli/report_compared.hpp"
#include "cli/usual_cases.hpp"
#include "cli/write_file.hpp"
#include "report/html.hpp"
#include "results/store.hpp"

namespace limen::cli {
namespace {

struct Options {
  std::vector<std::string> runs, machines, cases, verified;
  std::string file, fleet, name, calibrated;
  bool raw = false, json = false;
};

// Fitted to the runs now, or before.
model::Machine machine_of(const Options& o, const std::vector<results::Run>& runs) {
  if (!o.calibrated.empty()) return named_machine(o.calibrated);
  auto c = calibration::calibrate(runs, o.name.empty() ? runs.front().provenance.host : o.name);
  for (const auto& note : c.notes) fmt::print(stderr, "limen: {}\n", note);
  return std::move(c.machine);
}

void report(const Options& o) {
  if (!o.calibrated.empty() && o.runs.empty())
    throw Error("report: --calibrated names the machine of runs: name them, too (or --machine)");
  if (o.file.empty() == !o.json)
    throw Error("report: say where the page goes: -o page.html (or --json for its data)");
  std::vector<results::Run> runs;
  for (const auto& directory : o.runs) {
    runs.push_back(results::load_run(directory));
    for (const auto& w : runs.back().warnings) fmt::print(stderr, "limen: {}\n", w);
  }
  report::Page page;
  for (const auto& run : runs) page.runs.push_back(&run);
  std::optional<model::Machine> machine;
  if (!runs.empty() && !o.raw) {
    machine = machine_of(o, runs);
    if (!machine->memory_bandwidth)
      throw Error(fmt::format("{}: memory was not measured (memory.stream), so nothing can be "
                              "predicted; --no-calibration shows what there is",
                              o.runs.front()),
                  Exit::failed);
    page.machine = &*machine;
    page.here = usual_cases_on(*machine);
    page.hypothetical = usual_cases_elsewhere();
  }
  for (const auto& name : o.machines) page.others.push_back(named_machine(name));
  for (const auto& file : o.cases) page.compared.push_back(compared_with_cases(file));
  for (const auto& file : o.verified) page.compared.push_back(compared_with_steps(file));
  if (!o.fleet.empty()) page.fleet = fleet_cells(o.fleet);
  if (o.json) {
    fmt::print("{}\n", report::page_data(page));
    return;
  }
  write_file(o.file, report::html_page(page));
}

}  // namespace

void add_report(CLI::App& app, Exit&) {
  auto o = std::make_shared<Options>();
  auto* sub = app.add_subcommand(
      "report", "One page, to be opened from disk, that shows runs and answers what-ifs");
  auto* runs =
      sub->add_option("runs", o->runs, "Folders of runs; none: the built-in machines alone");
  sub->add_option("-o,--output", o->file, "The page");
  sub->add_option("--name", o->name, "The name of the machine; without it, the first run's host")
      ->needs(runs);
  auto* raw =
      sub->add_flag("--no-calibration", o->raw, "Show what was measured, and fit nothing to it")
          ->needs(runs);
  sub->add_option(
         "--calibrated", o->calibrated,
         "The machine that `limen calibrate RUN... -o` made of them: it is not fitted again")
      ->excludes(raw);
  sub->add_option("--machine", o->machines,
                  "Machines to offer first, by name or machine.toml; several with commas")
      ->delimiter(',');
  sub->add_option("--cases", o->cases,
                  "Published measurements (CSV, as `limen validate` takes it) to show beside "
                  "predictions")
      ->delimiter(',');
  sub->add_option("--verified", o->verified,
                  "Decode steps that were run (the output of `limen verify --json`), likewise")
      ->delimiter(',');
  sub->add_option("--fleet", o->fleet,
                  "A fleet (the output of `limen fleet --json`): its nodes against their median");
  sub->add_flag("--json", o->json, "The page's data on stdout instead of the page");
  sub->callback([o] { report(*o); });
}

}  // namespace limen::cli
