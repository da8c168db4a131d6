// limen probe: measures this machine into a run directory. Also what `mpirun` starts as a rank of
// the MPI probes.
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/begin_run.hpp"
#include "cli/commands.hpp"
#include "cli/duration.hpp"
#include "cli/launched.hpp"
#include "probes/host.hpp"
#include "probes/mpi_probes.hpp"
#include "probes/registry.hpp"
#include "probes/run_probes.hpp"

namespace limen::cli {
namespace {

struct Arguments {
  probes::PlanOptions plan;
  Place place;
  std::string into;
  std::optional<std::string> budget, case_budget, visit, rank_timeout;
  bool list = false, json = false, mpi_rank = false;
};

void list(const Arguments& a) {
  const auto lines = probes::list_probes(a.plan.names);
  if (a.json) {
    nlohmann::json out = nlohmann::json::array();
    for (const auto& line : lines)
      out.push_back({{"name", line.name}, {"question", line.question}});
    fmt::print("{}\n", out.dump(2));
    return;
  }
  for (const auto& line : lines) fmt::print("{:<22}{}\n", line.name, line.question);
}

probes::MpiPlan rank_plan(const Arguments& a) {
  probes::MpiPlan plan = mpi_plan(a.plan);
  if (a.rank_timeout) plan.patience = positive_seconds("--rank-timeout", *a.rank_timeout);
  return plan;
}

Exit measure(Arguments& a, const CLI::App& command) {
  const auto launch = a.place.per_host ? std::nullopt : rank_of_job();
  auto begun = begin_run(a.place, a.plan, command, !launch || launch->rank == 0);
  const auto& directory = begun.directory;
  auto& provenance = begun.provenance;
  Asked what = asked(a.plan.names);
  if (a.plan.names.empty()) {
    if (launch) what.of_us = false;  // a job is about what is between ranks
    if (a.place.per_host) what.of_ranks = false;
  }
  probes::MpiPlan ranks = rank_plan(a);
  ranks.seconds = a.plan.seconds;
  if (launch && launch->rank != 0)
    return what.of_ranks ? measure_as_rank(ranks, directory) : Exit::ok;

  const auto start = std::chrono::steady_clock::now();
  auto writer = begun.writer();
  if (launch && what.of_ranks) {
    const Exit code = measure_as_rank(ranks, directory);
    if (code != Exit::ok && code != Exit::failed) return code;
  }
  probes::ProbeReport report;
  if (what.of_us) report = probes::run_probes(a.plan, writer, provenance, begun.goes_on_with());
  if (!launch && what.of_ranks && !report.interrupted) {
    std::string note;
    const auto status = probes::run_mpi_probes(ranks, directory, note);
    report.notes.push_back("MPI: " + note);
    report.interrupted = status == probes::MpiStatus::interrupted;
    report.nothing_ran =
        status == probes::MpiStatus::skipped && (!what.of_us || report.nothing_ran);
  }
  if (what.of_ranks) {
    const results::Run run = results::load_run(directory);
    provenance.interrupted = report.interrupted;
    add_job(directory, provenance);
    report.interrupted = provenance.interrupted;
    add_ranks(run, report);
    if (!what.of_us && report.cases == report.skipped) report.nothing_ran = true;
    for (std::string& line : compared_with_barriers(run)) report.notes.push_back(std::move(line));
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    provenance.finished = probes::utc_now();
    writer.finish(provenance);
  }
  // A folder that nobody named and that holds nothing but what was skipped is in the way.
  const bool nothing = report.nothing_ran && !report.interrupted;
  const bool kept = !nothing || launch || !a.place.output.empty() || begun.before;
  if (!kept) {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
    std::filesystem::remove(directory.parent_path(), ignored);  // if it holds no other run
    report.notes.emplace_back("nothing was measured and no run is kept (with -o it is)");
  }
  for (const auto& line : report.notes) fmt::print(stderr, "limen: {}\n", line);
  for (const auto& line : report.invalid) fmt::print(stderr, "limen: invalid: {}\n", line);
  if (a.json) {
    const nlohmann::json run = kept ? nlohmann::json(directory.string()) : nlohmann::json();
    const nlohmann::json out{{"run", run},
                             {"cases", report.cases},
                             {"settled", report.settled},
                             {"unsettled", report.unsettled},
                             {"skipped", report.skipped},
                             {"invalid", report.invalid},
                             {"seconds", report.seconds},
                             {"interrupted", report.interrupted}};
    fmt::print("{}\n", out.dump(2));
  } else {
    if (kept) fmt::print("{}\n", directory.string());
    fmt::print(
        stderr,
        "limen: {} cases in {:.1f} s: {} {}, {} stopped by the time budget, {} "
        "skipped, {} invalid{}\n",
        report.cases, report.seconds, report.settled, a.plan.verify_only ? "verified" : "settled",
        report.unsettled, report.skipped, report.invalid.size(),
        report.interrupted ? "; interrupted, what was measured is kept, --resume goes on" : "");
  }
  if (nothing) return Exit::nothing_to_run;
  return report.ok() ? Exit::ok : Exit::failed;
}

}  // namespace

void add_probe(CLI::App& app, Exit& code) {
  auto a = std::make_shared<Arguments>();
  auto* sub = app.add_subcommand("probe", "Measure this machine");
  sub->add_option("names", a->plan.names,
                  "Probes, or families such as memory (default: all; --list names them)");
  sub->add_flag("--quick", a->plan.quick, "Fewer sizes and shapes, under a minute");
  sub->add_flag("--verify", a->plan.verify_only,
                "Check every kernel against its reference and time nothing (before timing it is "
                "done in any case)");
  add_place(*sub, a->place);
  sub->add_option("--seed", a->plan.seed, "Seed of the order of visits and of the data")
      ->capture_default_str();
  sub->add_option("--rel-error", a->plan.relative_error,
                  "A case is settled when half the 95 % interval of its median is this share of it")
      ->capture_default_str();
  sub->add_option("--budget", a->budget,
                  "Time for the whole run, such as 60s or 5min (default: 30s quick, 7min full)");
  sub->add_option("--case-budget", a->case_budget,
                  "Time for one case (default: 2s quick, 12s full)");
  sub->add_option("--visit", a->visit,
                  "Samples of one visit take this long (default: 6ms quick, 12ms full)");
  sub->add_option("--min-samples", a->plan.least_samples, "Fewest samples of a settled case")
      ->capture_default_str();
  sub->add_option("--min-visits", a->plan.least_visits, "Fewest visits of a settled case")
      ->capture_default_str();
  sub->add_option("--memory-share", a->plan.memory_share, "Share of the free memory to use at most")
      ->capture_default_str();
  sub->add_option("--threads", a->plan.max_threads,
                  "Most threads to use (default: one for each processing unit)");
  sub->add_option("--rank-timeout", a->rank_timeout,
                  "MPI ranks that get on with nothing for so long are said to hang, by rank and "
                  "host, and ended (default: 30s)");
  sub->add_flag("--list", a->list, "Name the probes and measure nothing");
  sub->add_flag("--json", a->json, "Answer in JSON");
  // Passed by `limen` itself to the ranks it starts.
  sub->add_flag("--mpi-rank", a->mpi_rank)->group("");
  sub->add_option("--into", a->into)->group("");
  sub->callback([a, sub, &code] {
    if (a->mpi_rank) {
      code = static_cast<Exit>(probes::mpi_rank_main(rank_plan(*a), a->into));
      return;
    }
    if (a->budget) a->plan.seconds = positive_seconds("--budget", *a->budget);
    if (a->case_budget) a->plan.case_seconds = positive_seconds("--case-budget", *a->case_budget);
    if (a->visit) a->plan.visit_seconds = positive_seconds("--visit", *a->visit);
    if (a->list) return list(*a);
    code = measure(*a, *sub);
  });
}

}  // namespace limen::cli
