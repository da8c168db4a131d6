// limen run: probe, calibrate, predict here and elsewhere, report; all in one directory.
#include <algorithm>
#include <fstream>
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "calibration/calibrate.hpp"
#include "cli/commands.hpp"
#include "cli/duration.hpp"
#include "cli/launched.hpp"
#include "cli/usual_cases.hpp"
#include "model/cards/machine_card.hpp"
#include "probes/host.hpp"
#include "probes/run_probes.hpp"
#include "report/html.hpp"
#include "results/store.hpp"

namespace limen::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  probes::PlanOptions plan;
  std::string directory, budget;
  bool json = false, strict = false;
};

void write_file(const fs::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (!out)
    throw Error(fmt::format("cannot write {}; is the disk full?", file.string()), Exit::unfit);
}

// Starts ranks of its own, which append to the run that the CPU probes have begun. False if it was
// interrupted.
bool start_ranks(const Arguments& a, const fs::path& directory) {
  std::string note;
  const auto status = probes::run_mpi_probes(mpi_plan(a.plan), directory, note);
  if (!note.empty()) fmt::print(stderr, "limen: MPI: {}\n", note);
  return status != probes::MpiStatus::interrupted;
}

std::string summary(const report::Page& page, const calibration::Calibration& c) {
  std::string out = "The fitted machine (90 % intervals)\n";
  for (const auto& row : report::parameter_rows(*page.machine)) {
    out +=
        fmt::format("  {:<46} {:>14}  {:<28} {}\n", row.key, row.value, row.interval, row.evidence);
  }
  out += "\nHow well the laws describe the measurements (relative error)\n";
  for (const auto& law : c.laws) {
    out += fmt::format(
        "  {:<36} {:>4} points  median {:>5.1f} %  largest {:>5.1f} %  left out {:>7}\n", law.law,
        law.n, 100 * law.median_error, 100 * law.largest_error,
        law.held_out ? fmt::format("{:.1f} %", 100 * *law.held_out) : "-");
  }
  for (const auto& u : page.machine->unidentified) out += fmt::format("  not identified: {}\n", u);
  out += "\n" + report::to_table(page.here) + "\n" + report::to_table(page.hypothetical);
  return out;
}

Exit run(const Arguments& a) {
  probes::check(a.plan);
  auto provenance = probes::describe(a.plan.seed);
  const fs::path directory = a.directory.empty()
                                 ? fmt::format("runs/{}-{}", provenance.started, provenance.host)
                                 : a.directory;
  if (a.strict) {
    const double units = std::max(1u, std::thread::hardware_concurrency());
    if (const auto why = probes::unfit(provenance, units); !why.empty())
      throw Error("--strict: " + why, Exit::unfit);
  }
  const auto launch = rank_of_job();
  if (launch && launch->rank != 0) return measure_as_rank(mpi_plan(a.plan), directory);
  auto writer = results::RunWriter::create(directory, provenance);
  fmt::print(stderr, "limen: measuring into {}\n", directory.string());
  if (launch) {
    const Exit code = measure_as_rank(mpi_plan(a.plan), directory);
    if (code != Exit::ok) return code;
  }
  const auto measured = probes::run_probes(a.plan, writer, provenance);
  for (const auto& line : measured.notes) fmt::print(stderr, "limen: {}\n", line);
  for (const auto& line : measured.invalid) fmt::print(stderr, "limen: invalid: {}\n", line);
  const bool interrupted = measured.interrupted || (!launch && !start_ranks(a, directory));
  if (const auto facts = probes::read_mpi_facts(directory)) {
    provenance.mpi_library = facts->library;
    provenance.launcher = facts->launcher;
    provenance.ranks = facts->ranks;
  }
  provenance.interrupted = interrupted;
  provenance.finished = probes::utc_now();
  writer.finish(provenance);
  if (interrupted) {
    fmt::print(stderr, "limen: interrupted; what was measured is in {}\n", directory.string());
    return Exit::failed;
  }

  const auto loaded = results::load_run(directory);
  const auto calibration = calibration::calibrate({loaded}, provenance.host);
  for (const auto& w : calibration.notes) fmt::print(stderr, "limen: {}\n", w);
  const report::Page page{.runs = {&loaded},
                          .machine = &calibration.machine,
                          .here = usual_cases_on(calibration.machine),
                          .hypothetical = usual_cases_elsewhere()};
  write_file(directory / "machine.toml", cards::write_machine(calibration.machine));
  if (calibration.machine.description != provenance.cpu_model)  // GPUs; their host beside them
    write_file(
        directory / "machine-cpu.toml",
        cards::write_machine(
            calibration::calibrate({loaded}, provenance.host, calibration::Subject::cpu).machine));
  write_file(directory / "report.html", report::html_page(page));
  if (a.json) {
    auto all = page.here;
    all.insert(all.end(), page.hypothetical.begin(), page.hypothetical.end());
    fmt::print("{}", report::to_json(all));
  } else {
    fmt::print("{}\n\n{}", report::verdict(page), summary(page, calibration));
  }
  fmt::print(stderr, "limen: machine {}\nlimen: report {}\n", (directory / "machine.toml").string(),
             fs::absolute(directory / "report.html").string());
  return measured.ok() ? Exit::ok : Exit::failed;
}

}  // namespace

void add_run(CLI::App& app, Exit& code) {
  auto a = std::make_shared<Arguments>();
  auto* sub = app.add_subcommand(
      "run", "Probe this machine, calibrate, predict here and elsewhere, report");
  sub->add_flag("--quick", a->plan.quick, "Under a minute: fewer sizes and shapes");
  sub->add_option("-o,--output", a->directory,
                  "New directory of the run (default: runs/<time>-<host>)");
  sub->add_option("--seed", a->plan.seed, "Seed of the order of visits and of the data")
      ->capture_default_str();
  sub->add_option("--budget", a->budget,
                  "Time for the CPU probes, such as 60s or 5min (default: 30s quick, 7min full)");
  sub->add_option("--threads", a->plan.max_threads, "Most threads and ranks to use (default: all)");
  sub->add_flag("--strict", a->strict,
                "Refuse (exit code 3) a loaded host, a CPU limit or a saving clock governor");
  sub->add_flag("--json", a->json, "The predictions as JSON on stdout");
  sub->callback([a, &code] {
    if (!a->budget.empty()) a->plan.seconds = positive_seconds("--budget", a->budget);
    code = run(*a);
  });
}

}  // namespace limen::cli
