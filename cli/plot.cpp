// limen plot: the roofline, speed against throughput, and where the time of a token goes; in the
// terminal, as SVG or as JSON.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>

#include "calibration/calibrate.hpp"
#include "cli/cases.hpp"
#include "cli/commands.hpp"
#include "cli/write_file.hpp"
#include "model/cards/suggest.hpp"
#include "report/curves.hpp"
#include "report/pareto.hpp"
#include "report/roofline.hpp"
#include "results/store.hpp"

namespace limen::cli {
namespace {

struct Arguments {
  CaseOptions cases;
  std::string svg;
  std::vector<std::string> runs;
  std::string by = "operator";
};

// Colour helps only who looks at a terminal, and who wants it.
bool colour_wanted() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
         terminal != nullptr && std::string(terminal) != "dumb";
}

template <class Plot>
void show(const Arguments& a, const Plot& plot) {
  if (a.svg == "-" && a.cases.json) throw Error("--svg -: --json has stdout; name a file");
  if (!a.svg.empty()) write_drawing(a.svg, report::to_svg(plot));
  if (a.svg.empty() || a.cases.json)
    fmt::print("{}",
               a.cases.json ? report::to_json(plot) : report::to_terminal(plot, colour_wanted()));
}

std::vector<results::Run> runs_of(const Arguments& a) {
  std::vector<results::Run> runs;
  for (const auto& run : a.runs) {
    runs.push_back(results::load_run(run));
    for (const auto& warning : runs.back().warnings) fmt::print(stderr, "limen: {}\n", warning);
  }
  return runs;
}

std::vector<results::Measurement> measurements_of(const std::vector<results::Run>& runs) {
  std::vector<results::Measurement> out;
  for (const auto& run : runs)
    out.insert(out.end(), run.measurements.begin(), run.measurements.end());
  return out;
}

// Error if there is nothing to draw.
void need_one_that_fits(const std::vector<report::PredictedCase>& cases) {
  for (const auto& c : cases)
    if (c.prediction.fits) return;
  throw Error(fmt::format("no case fits: {}", cases.front().prediction.why_not), Exit::failed);
}

void plot_roofline(const Arguments& a) {
  const auto machines = named_machines(a.cases);
  if (machines.size() > 1)
    throw Error("--machine: a roofline is of one machine; draw one for each");
  const auto measured = report::roofline_points(measurements_of(runs_of(a)));
  if (!a.runs.empty() && measured.empty())
    throw Error("--run: no linear layer was measured there (probes gemv and gemm)");
  std::vector<report::PlottedCase> cases;
  if (!a.cases.models.empty())
    for_each_case(a.cases, [&](const model::Machine& m, const model::Case& c) {
      cases.push_back(report::plotted(m, c));
    });
  show(a, report::roofline(machines.front(), measured, cases));
}

void plot_pareto(const CLI::App& sub, Arguments a) {
  const auto given = [&](const char* option) { return sub.count(option) > 0; };
  auto& o = a.cases;
  if (!given("--tp") && !given("--pp") && !given("--ep") && !given("--dp")) o.tps = {"auto"};
  // Without batches: for each partition powers of two, up to the batch that serves most.
  const bool all_batches = !given("--batch");
  if (all_batches) o.batches = {"auto"};
  const auto searched = spaces(o);
  if (!given("--for") &&
      std::any_of(searched.begin(), searched.end(), [](const auto& s) { return s.open(); }))
    o.goal = "stps";
  o.all = all_batches || o.tps == std::vector<std::string>{"auto"} || o.all;
  std::vector<report::PredictedCase> cases;
  for_each_case(o, [&](const model::Machine& m, model::Case c) {
    const double last = c.workload.batch;
    for (double batch = c.partition.dp; all_batches && batch < last; batch *= 2) {
      c.workload.batch = batch;
      cases.push_back(report::predicted(m, c));
    }
    c.workload.batch = last;
    cases.push_back(report::predicted(m, c));
  });
  need_one_that_fits(cases);
  show(a, report::pareto(cases));
}

void plot_time(const Arguments& a) {
  if (a.by != "operator" && a.by != "limit")
    throw Error(
        fmt::format("--by: unknown '{}'{}", a.by, cards::suggestion(a.by, {"operator", "limit"})));
  std::vector<report::PlottedCase> cases;
  for_each_case(a.cases, [&](const model::Machine& m, const model::Case& c) {
    cases.push_back(report::plotted(m, c));
  });
  show(a, report::step_bars(cases,
                            a.by == "limit" ? report::StackBy::limits : report::StackBy::parts));
}

using Curve = report::Chart (*)(const std::vector<results::Measurement>&, const model::Machine&);

// The laws are fitted to the very runs that are shown.
void plot_curve(const Arguments& a, Curve curve, const char* probe) {
  const auto runs = runs_of(a);
  const auto& host = runs.front().provenance.host;
  const auto chart =
      curve(measurements_of(runs),
            calibration::calibrate(runs, host.empty() ? "machine" : host, calibration::Subject::cpu)
                .machine);
  if (chart.series.empty())
    throw Error(fmt::format("nothing to draw: {} was not measured there", probe), Exit::failed);
  show(a, chart);
}

}  // namespace

void add_plot(CLI::App& app, Exit&) {
  auto* plot = app.add_subcommand("plot", "Draw in the terminal, or as SVG");
  plot->require_subcommand(1);
  const auto begin = [&](const char* name, const char* help) {
    auto a = std::make_shared<Arguments>();
    auto* sub = plot->add_subcommand(name, help);
    sub->add_option("--svg", a->svg, "Draw into this file; - is stdout");
    return std::pair{sub, a};
  };
  const auto add = [&](const char* name, const char* help) {
    const auto [sub, a] = begin(name, help);
    add_case_options(*sub, a->cases);
    return std::pair{sub, a};
  };
  const auto add_curve = [&](const char* name, const char* help, Curve curve, const char* probe) {
    const auto [sub, a] = begin(name, help);
    sub->add_option("runs", a->runs, "Runs to show and to fit")->required();
    sub->add_flag("--json", a->cases.json, "An object on stdout");
    sub->callback([a = a, curve, probe] { plot_curve(*a, curve, probe); });
  };
  {
    const auto [sub, a] = add("roofline",
                              "FLOP/s against FLOP/B: ceilings, measured layers, operators of "
                              "predicted steps");
    sub->get_option("--model")->required(false);
    sub->add_option("--run", a->runs, "Runs whose measured linear layers to show")->delimiter(',');
    sub->callback([a = a] { plot_roofline(*a); });
  }
  {
    const auto [sub, a] = add("pareto",
                              "Tokens/s of a user against tokens/s of a chip: every tp and batch, "
                              "unless some are named");
    sub->callback([sub = sub, a = a] { plot_pareto(*sub, *a); });
  }
  {
    const auto [sub, a] = add("time", "Time per token, stacked");
    sub->add_option("--by", a->by, "operator, or limit: what the time is waited for")
        ->capture_default_str();
    sub->callback([a = a] { plot_time(*a); });
  }
  add_curve("memory", "Measured bandwidth by working set, and the levels fitted to it",
            report::bandwidth_curve, "memory.stream");
  add_curve("all-reduce", "Measured time of an all-reduce by size, and the law fitted to it",
            report::all_reduce_curve, "mpi.allreduce");
}

}  // namespace limen::cli
