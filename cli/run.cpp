// limen run: probe, calibrate, predict here and elsewhere, report; all in one directory.
#include <algorithm>
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "cli/begin_run.hpp"
#include "cli/commands.hpp"
#include "cli/conclude.hpp"
#include "cli/duration.hpp"
#include "cli/launched.hpp"
#include "probes/host.hpp"

namespace limen::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  probes::PlanOptions plan;
  Place place;
  std::string budget;
  bool json = false, strict = false;
};

struct RanksEnd {
  bool interrupted = false, failed = false;
};

// Starts ranks of its own, which append to the run that the CPU probes have begun. If they fail,
// what was measured is no worse for it.
RanksEnd start_ranks(const Arguments& a, const fs::path& directory) {
  try {
    std::string note;
    const auto status = probes::run_mpi_probes(mpi_plan(a.plan), directory, note);
    if (!note.empty()) fmt::print(stderr, "limen: MPI: {}\n", note);
    return {status == probes::MpiStatus::interrupted, false};
  } catch (const Error& e) {
    fmt::print(stderr, "limen: MPI: {}\n", e.what());
    return {false, true};
  }
}

Exit run(Arguments& a, const CLI::App& command) {
  const auto launch = a.place.per_host ? std::nullopt : rank_of_job();
  auto begun = begin_run(a.place, a.plan, command, !launch || launch->rank == 0);
  const fs::path& directory = begun.directory;
  auto& provenance = begun.provenance;
  if (a.strict) {
    const double units = std::max(1u, std::thread::hardware_concurrency());
    if (const auto why = probes::unfit(probes::describe(a.plan.seed), units); !why.empty())
      throw Error("--strict: " + why, Exit::unfit);
  }
  if (launch && launch->rank != 0) return measure_as_rank(mpi_plan(a.plan), directory);
  auto writer = begun.writer();
  fmt::print(stderr, "limen: {} {}\n", begun.before ? "going on with" : "measuring into",
             directory.string());
  RanksEnd ranks;
  if (launch) {
    const Exit code = measure_as_rank(mpi_plan(a.plan), directory);
    add_job(directory, provenance);
    if (provenance.interrupted || (code != Exit::ok && code != Exit::failed)) {
      writer.finish(provenance);
      return code;
    }
    ranks.failed = code == Exit::failed;  // a result was wrong, and says so
  }
  const auto measured = probes::run_probes(a.plan, writer, provenance, begun.goes_on_with());
  for (const auto& line : measured.notes) fmt::print(stderr, "limen: {}\n", line);
  for (const auto& line : measured.invalid) fmt::print(stderr, "limen: invalid: {}\n", line);
  if (!launch && !measured.interrupted && asked(a.plan.names).of_ranks)
    ranks = start_ranks(a, directory);
  const bool interrupted = measured.interrupted || ranks.interrupted;
  provenance.interrupted = interrupted;
  add_job(directory, provenance);
  provenance.finished = probes::utc_now();
  writer.finish(provenance);
  if (interrupted) {
    fmt::print(stderr,
               "limen: interrupted; what was measured is in {}, and `limen run --resume {}` goes "
               "on\n",
               directory.string(), directory.string());
    return Exit::failed;
  }
  conclude(results::load_run(directory), a.json);
  return measured.ok() && !ranks.failed ? Exit::ok : Exit::failed;
}

}  // namespace

void add_run(CLI::App& app, Exit& code) {
  auto a = std::make_shared<Arguments>();
  auto* sub = app.add_subcommand(
      "run", "Probe this machine, calibrate, predict here and elsewhere, report");
  sub->add_flag("--quick", a->plan.quick, "Under a minute: fewer sizes and shapes");
  add_place(*sub, a->place);
  sub->add_option("--seed", a->plan.seed, "Seed of the order of visits and of the data")
      ->capture_default_str();
  sub->add_option("--budget", a->budget,
                  "Time for the CPU probes, such as 60s or 5min (default: 30s quick, 7min full)");
  sub->add_option("--threads", a->plan.max_threads, "Most threads and ranks to use (default: all)");
  sub->add_flag("--strict", a->strict,
                "Refuse (exit code 3) a loaded host, a CPU limit or a saving clock governor");
  sub->add_flag("--json", a->json, "The predictions as JSON on stdout");
  sub->callback([a, sub, &code] {
    if (!a->budget.empty()) a->plan.seconds = positive_seconds("--budget", a->budget);
    code = run(*a, *sub);
  });
}

}  // namespace limen::cli
