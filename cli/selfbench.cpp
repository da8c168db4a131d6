// limen selfbench: limen's own loops against plain ones, OpenBLAS, likwid-bench and the OSU method
// of timing.
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/duration.hpp"
#include "cli/selfbench_model.hpp"
#include "probes/mpi_probes.hpp"
#include "probes/selfbench.hpp"

namespace limen::cli {
namespace {

void print_table(const probes::SelfbenchReport& report, const std::vector<probes::OsuRow>& osu,
                 const ModelRate& model) {
  fmt::print("{:<18}{:<28}{:>8}{:>12}{:>12}{:>8}{:>8}{:>16}{:>7}\n", "ours", "against", "threads",
             "ours GB/s", "its GB/s", "best", "median", "95 %", "aim");
  for (const auto& r : report.rows) {
    fmt::print("{:<18}{:<28}{:>8}{:>12.1f}{:>12.1f}{:>8.2f}{:>8.2f}{:>16}{:>7}\n", r.ours, r.theirs,
               r.threads, r.our_rate / 1e9, r.their_rate / 1e9, r.ratio.best, r.ratio.median,
               fmt::format("[{:.2f}, {:.2f}]", r.ratio.low, r.ratio.high),
               r.aim > 0 ? fmt::format("{:.2f}", r.aim) : "");
  }
  fmt::print(
      "\nthe model, one core, million configurations/s\n"
      "  one by one {:>33.1f}\n"
      "  in lanes ({:<9}) {:>23.1f}   {:.1f} times, {}\n"
      "  in lanes, machines only {:>20.1f}\n"
      "  evaluated and written as CSV {:>15.2f}\n"
      "  one by one with intervals {:>18.4f}\n",
      model.plain / 1e6, model.target, model.lanes / 1e6, model.lanes / model.plain,
      model.same_bits ? "the same bits" : "OTHER BITS", model.machines_only / 1e6, model.rows / 1e6,
      model.predictions / 1e6);
  if (osu.empty()) return;
  fmt::print("\nall-reduce, 2 ranks{:>14}{:>14}{:>14}{:>12}\n", "median us", "p10 us",
             "OSU mean us", "OSU/median");
  for (const auto& r : osu) {
    fmt::print("{:>17} B{:>14.2f}{:>14.2f}{:>14.2f}{:>12.2f}\n", r.bytes, r.median * 1e6,
               r.p10 * 1e6, r.osu_mean * 1e6, r.ratio());
  }
}

void print_json(const probes::SelfbenchReport& report, const std::vector<probes::OsuRow>& osu,
                const ModelRate& model) {
  nlohmann::json out{{"rows", nlohmann::json::array()},
                     {"allreduce", nlohmann::json::array()},
                     {"notes", report.notes},
                     {"model",
                      {{"configurations_per_second", model.plain},
                       {"configurations_per_second_in_lanes", model.lanes},
                       {"configurations_per_second_machines_only", model.machines_only},
                       {"lanes", model.target},
                       {"same_bits", model.same_bits},
                       {"rows_per_second", model.rows},
                       {"predictions_per_second", model.predictions}}}};
  for (const auto& r : report.rows) {
    out["rows"].push_back({{"ours", r.ours},
                           {"against", r.theirs},
                           {"threads", r.threads},
                           {"our_bytes_per_second", r.our_rate},
                           {"its_bytes_per_second", r.their_rate},
                           {"best_ratio", r.ratio.best},
                           {"median_ratio", r.ratio.median},
                           {"interval", {r.ratio.low, r.ratio.high}},
                           {"rounds", r.ratio.rounds},
                           {"aim", r.aim}});
  }
  for (const auto& r : osu) {
    out["allreduce"].push_back({{"bytes", r.bytes},
                                {"median_seconds", r.median},
                                {"p10_seconds", r.p10},
                                {"osu_mean_seconds", r.osu_mean},
                                {"ratio", r.ratio()}});
  }
  fmt::print("{}\n", out.dump(2));
}

}  // namespace

void add_selfbench(CLI::App& app, Exit& code) {
  struct Arguments {
    probes::SelfbenchOptions options;
    std::optional<std::string> seconds;
    bool json = false, no_mpi = false;
  };
  auto a = std::make_shared<Arguments>();
  auto* sub = app.add_subcommand("selfbench",
                                 "Compare limen's own loops with others, as ratios with intervals");
  sub->add_flag("--quick", a->options.quick, "Fewer sizes, fewer rounds");
  sub->add_option("--time", a->seconds,
                  "Time for each number of threads, such as 30s (default: 20s, quick 6s)");
  sub->add_option("--seed", a->options.seed, "Seed of the order of the loops")
      ->capture_default_str();
  sub->add_flag("--no-mpi", a->no_mpi, "Leave the all-reduce between ranks out");
  sub->add_flag("--json", a->json, "Answer in JSON");
  sub->callback([a, &code] {
    if (a->seconds) a->options.seconds = positive_seconds("--time", *a->seconds);
    auto report = probes::selfbench(a->options);
    std::vector<probes::OsuRow> osu;
    if (!a->no_mpi && !report.interrupted) {
      probes::MpiPlan plan;
      plan.quick = a->options.quick;
      plan.seed = a->options.seed;
      std::string note;
      osu = probes::mpi_osu_comparison(plan, note);
      if (osu.empty()) report.notes.push_back("all-reduce: " + note);
    }
    const auto model = model_rate();
    a->json ? print_json(report, osu, model) : print_table(report, osu, model);
    for (const auto& note : report.notes) fmt::print(stderr, "limen: {}\n", note);
    code = report.interrupted || !model.same_bits ? Exit::failed : Exit::ok;
  });
}

}  // namespace limen::cli
