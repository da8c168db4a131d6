// limen sweep: any grid of machines, models and workloads, as rows, as the best of them, or as a
// summary.
#include <chrono>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/sweep_axes.hpp"
#include "cli/sweep_run.hpp"
#include "model/cards/units.hpp"
#include "probes/interrupt.hpp"
#include "probes/mpi_probes.hpp"
#include "report/prediction_table.hpp"

namespace limen::cli {
namespace {

struct Arguments {
  SweepAxes axes;
  std::string file, select, top, by = "utps", threads;
  bool json = false, resume = false, summary = false;
};

// The row of one configuration.
std::string row_of(const model::Grid& grid, bool json, std::uint64_t index) {
  model::Evaluator evaluator(grid);
  const auto figures = std::make_unique<model::Figures>();
  evaluator.evaluate(index, 1, *figures);
  Rows rows(grid, json);
  rows.seek(index);
  std::string out;
  rows.append(*figures, 0, out);
  return out;
}

constexpr double shares[] = {0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99};

nlohmann::ordered_json summary_of(const model::Grid& grid, const Reducer& r) {
  using nlohmann::ordered_json;
  ordered_json out{{"configurations", r.seen()}, {"selected", r.selected()}, {"fit", r.fitting()}};
  for (auto l : {model::Limit::memory_bandwidth, model::Limit::compute,
                 model::Limit::synchronization, model::Limit::memory_capacity})
    out["bound_by"][name(l)] = r.bound_by(l);
  const auto which = Reducer::summarized();
  for (std::size_t i = 0; i < which.size(); ++i) {
    const Sketch& s = r.sketches()[i];
    ordered_json& m = out["figures"][which[i]->name];
    if (s.count() == 0) {
      m = nullptr;
      continue;
    }
    m["least"] = s.least().value;
    for (double share : shares) m["quantiles"][fmt::format("{}", share)] = s.quantile(share);
    m["most"] = s.most().value;
    m["at_least"] = ordered_json::parse(row_of(grid, true, s.least().index));
    m["at_most"] = ordered_json::parse(row_of(grid, true, s.most().index));
  }
  return out;
}

std::string table_of(const nlohmann::ordered_json& s) {
  auto count = [&](const char* key) { return s[key].get<std::uint64_t>(); };
  std::string out = fmt::format("{} configurations, {} selected, {} fit\n", count("configurations"),
                                count("selected"), count("fit"));
  for (const auto& [limit, n] : s["bound_by"].items())
    out += fmt::format("  bound by {:<18} {:>14}\n", limit, n.get<std::uint64_t>());
  out += fmt::format("{:<14} {:>10}", "tokens/s", "least");
  for (double share : shares) out += fmt::format(" {:>10}", fmt::format("{:g} %", 100 * share));
  out += fmt::format(" {:>10}\n", "most");
  for (const auto& [metric, m] : s["figures"].items()) {
    out += fmt::format("{:<14}", metric);
    if (m.is_null()) {
      out += fmt::format(" {:>10}\n", "-");
      continue;
    }
    out += fmt::format(" {:>10}", report::figure(m["least"].get<double>()));
    for (const auto& q : m["quantiles"])
      out += fmt::format(" {:>10}", report::figure(q.get<double>()));
    out += fmt::format(" {:>10}\n", report::figure(m["most"].get<double>()));
  }
  for (const auto& [metric, m] : s["figures"].items()) {
    if (!m.is_null()) out += fmt::format("most {}: {}\n", metric, m["at_most"].dump());
  }
  return out;
}

std::string reduced(const SweepPlan& plan, const Arguments& a, std::uint64_t& seen) {
  const Metric& by = metric_of(a.by, "--by");
  const std::size_t best =
      a.top.empty() ? 0 : static_cast<std::size_t>(cards::parse_count(a.top, "--top"));
  const Reducer r = reduce(plan, best, by);
  seen = r.seen();
  if (plan.rank() > 0) return "";
  if (best == 0) {
    const auto summary = summary_of(plan.grid, r);
    return plan.json ? summary.dump(2) + "\n" : table_of(summary);
  }
  std::string out = Rows(plan.grid, plan.json).heading();
  for (const Found& f : r.best()) out += row_of(plan.grid, plan.json, f.index);
  return out;
}

// The configuration up to which all is done; fewer than all if a signal came.
std::uint64_t sweep(const SweepPlan& plan, const Arguments& a) {
  const std::uint64_t points = plan.grid.points().value();
  std::uint64_t hash = hash_of_grid(plan.grid);
  hash = model::hash_of(plan.selection.text() + (plan.json ? " json" : " csv"), hash);
  SweepFile::Contents contents{Rows(plan.grid, plan.json).heading(), hash, points,
                               [&](std::uint64_t i) { return row_of(plan.grid, plan.json, i); }};
  if (a.summary || !a.top.empty()) {
    contents.heading.clear();
    std::optional<SweepFile> file;
    if (plan.rank() == 0) file.emplace(a.file, false, contents);
    std::uint64_t seen = 0;
    const std::string text = reduced(plan, a, seen);
    const bool whole = seen == points || plan.rank() > 0;
    if (file && whole) {
      file->append(text, points);
      file->close();
    }
    return whole ? points : seen;
  }
  std::optional<SweepFile> file;
  if (plan.rank() == 0) file.emplace(a.file, a.resume, contents);
  std::uint64_t begin = file ? file->begin() : 0;
  if (plan.link) begin = plan.link->from_first(begin);
  const auto start = std::chrono::steady_clock::now();
  const std::uint64_t done = write_rows(plan, begin, file ? &*file : nullptr);
  if (!file) return points;  // rank 0 knows
  file->close();
  if (!a.file.empty()) {
    const double s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    fmt::print(stderr, "limen: {} of {} configurations were there, {} are new, in {:.1f} s\n",
               begin, points, done - begin, s);
  }
  return done;
}

Exit run(const Arguments& a) {
  if (a.summary && !a.top.empty()) throw Error("--summary and --top: choose one");
  if (a.resume && (a.summary || !a.top.empty()))
    throw Error("--resume goes on with rows; --summary and --top begin anew");
  const model::Grid grid = grid_of(a.axes);
  const Selection selection = a.select.empty() ? Selection() : Selection(a.select);
  metric_of(a.by, "--by");
  if (!a.top.empty() && cards::parse_count(a.top, "--top") > 1'000'000)
    throw Error("--top: at most 1000000");
  const long long threads =
      a.threads.empty() ? usable_cores() : cards::parse_count(a.threads, "--threads");
  if (threads > 1024) throw Error("--threads: at most 1024");

  const probes::Interrupt interrupt;
  const auto link = probes::join_ranks();
  const SweepPlan plan{grid, selection, static_cast<unsigned>(threads), a.json, link.get()};
  const std::uint64_t points = grid.points().value();
  std::uint64_t done = 0;
  try {
    done = sweep(plan, a);
  } catch (const Error& e) {
    if (link) link->abort(e.what(), static_cast<int>(e.code()));
    throw;
  }
  if (done == points) return Exit::ok;
  const std::string note =
      fmt::format("interrupted after {} of {} configurations{}", done, points,
                  a.file.empty() || a.summary || !a.top.empty() ? "" : "; --resume goes on");
  if (link) link->abort(note, static_cast<int>(Exit::failed));
  fmt::print(stderr, "limen: {}\n", note);
  return Exit::failed;
}

}  // namespace

void add_sweep(CLI::App& app, Exit& code) {
  auto a = std::make_shared<Arguments>();
  auto* sub = app.add_subcommand(
      "sweep", "Predict a grid of cases: rows, the best, or a summary; on all cores and MPI ranks");
  add_sweep_axes(*sub, a->axes);
  sub->add_option("-o,--output", a->file, "The file to write; without it, stdout");
  sub->add_flag("--resume", a->resume, "Go on with a file that an interrupted sweep left");
  sub->add_flag("--json", a->json, "JSON Lines in place of CSV; of a summary, one object");
  sub->add_option("--select", a->select,
                  "Only these: fits,utps>=1000,binding_limit=compute (all conditions hold)");
  auto* top = sub->add_option("--top", a->top, "Only so many, those with the largest --by");
  sub->add_option("--by", a->by, "The figure of --top")->needs(top)->capture_default_str();
  sub->add_flag("--summary", a->summary, "Counts, extremes and quantiles in place of rows");
  sub->add_option("--threads", a->threads, "Threads of a rank (default: the cores it may use)");
  sub->callback([a, &code] {
    try {
      code = run(*a);
    } catch (const Error& e) {
      // One line is enough for all ranks.
      const auto launch = probes::launched_by();
      if (!launch || launch->rank == 0) throw;
      code = e.code();
    }
  });
}

}  // namespace limen::cli
