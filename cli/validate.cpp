// limen validate: predictions beside published measurements, and honest statistics of the errors.
#include <cmath>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "calibration/published/cross.hpp"
#include "calibration/published/fit.hpp"
#include "calibration/published/validate.hpp"
#include "cli/commands.hpp"
#include "cli/text_table.hpp"
#include "cli/write_file.hpp"

namespace limen::cli {

namespace {

using namespace calibration;
using nlohmann::ordered_json;

struct Options {
  std::string cases, from = "calibrated", engine, out, cross;
  bool json = false;
};

// Of measurements foretold by others there are no intervals and no limits.
bool has_intervals(const ErrorStatistics& s) { return !std::isnan(s.coverage); }

std::vector<std::string> figures(const ErrorStatistics& s) {
  const bool all = has_intervals(s);
  return {std::to_string(s.n),
          percent(s.median),
          percent(s.mean),
          percent(s.p90),
          percent(s.bias),
          all ? percent(s.coverage) : "",
          all ? std::to_string(s.violations) : ""};
}
const std::vector<std::string> headings = {
    ">n", ">median error", ">mean error", ">90th percentile", ">bias", ">coverage", ">above ideal"};

ordered_json json_of(const ErrorStatistics& s) {
  ordered_json out = {{"n", s.n},
                      {"median_error", s.median},
                      {"mean_error", s.mean},
                      {"p90_error", s.p90},
                      {"bias", s.bias}};
  if (has_intervals(s)) {
    out["coverage"] = s.coverage;
    out["violations"] = s.violations;
  }
  return out;
}

TextTable table_of(std::vector<std::string> first) {
  first.insert(first.end(), headings.begin(), headings.end());
  return TextTable(std::move(first));
}

using Groups = std::vector<std::pair<std::string, std::function<std::string(const Judged&)>>>;

Groups groups_of(RowKind kind) {
  Groups g = {
      {"quality",
       [](const Judged& j) { return j.row->quality.empty() ? "not stated" : j.row->quality; }},
      {"device", [](const Judged& j) { return j.row->device_name; }}};
  switch (kind) {
    case RowKind::decode:
      g.emplace_back("engine", [](const Judged& j) { return j.row->variant; });
      g.emplace_back("tp", [](const Judged& j) { return fmt::format("{}", j.row->partition.tp); });
      g.emplace_back("batch", [](const Judged& j) { return fmt::format("{}", j.row->batch); });
      break;
    case RowKind::all_reduce:
      g.emplace_back("library", [](const Judged& j) { return j.row->variant; });
      g.emplace_back("devices", [](const Judged& j) { return fmt::format("{}", j.row->ranks); });
      break;
    case RowKind::product:
      g.emplace_back("kernel", [](const Judged& j) { return j.row->variant; });
      g.emplace_back("tokens", [](const Judged& j) { return fmt::format("{}", j.row->m); });
      break;
    case RowKind::memory:
    case RowKind::launch:
      g.emplace_back("law", [](const Judged& j) {
        return fmt::format("{} {}", name(j.row->kind), j.row->variant);
      });
      break;
    case RowKind::attention:
      g.emplace_back("KV format", [](const Judged& j) { return j.row->variant; });
      g.emplace_back("batch", [](const Judged& j) { return fmt::format("{}", j.row->m); });
  }
  return g;
}

Exit validate(const Options& o) {
  if (o.from != "datasheet" && o.from != "calibrated")
    throw Error(fmt::format("--machine-from: '{}' is neither datasheet nor calibrated", o.from));
  const cards::Laws& laws = cards::built_in_laws();
  if (!o.engine.empty()) cards::check_engine(laws, o.engine);
  const Table table = load_table(o.cases);
  const RowKind kind = kind_of(table);
  const std::vector<PublishedRow> rows = rows_of(table);
  const Evaluator evaluate(laws, o.from == "calibrated", o.engine);
  std::vector<Judged> judged;
  for (const PublishedRow& r : rows) judged.push_back({&r, evaluate(r)});
  const std::string text = with_predictions(table, judged);
  if (!o.out.empty()) write_file(o.out, text);

  std::map<std::string, int> reasons;
  for (const Judged& j : judged)
    if (!j.evaluation.predicted)
      ++reasons[j.evaluation.reason.starts_with("does not fit") ? "does not fit"
                                                                : j.evaluation.reason];
  std::vector<const Judged*> all;
  for (const Judged& j : judged) all.push_back(&j);
  const ErrorStatistics total = statistics_of(all);
  const Groups groups = groups_of(kind);
  if (o.json) {
    ordered_json root = {{"table", name(kind)},
                         {"machine_from", o.from},
                         {"rows", rows.size()},
                         {"all", json_of(total)}};
    for (const auto& [what, key] : groups)
      for (const auto& [word, s] : statistics_by(judged, key)) root["by"][what][word] = json_of(s);
    root["not_predicted"] = reasons;
    fmt::print("{}\n", root.dump(1));
    return Exit::ok;
  }
  TextTable out = table_of({"", ""});
  auto add = [&](const std::string& what, const std::string& word, const ErrorStatistics& s) {
    std::vector<std::string> line = {what, word};
    for (std::string& f : figures(s)) line.push_back(std::move(f));
    out.add(std::move(line));
  };
  add(name(kind), "all", total);
  for (const auto& [what, key] : groups)
    for (const auto& [word, s] : statistics_by(judged, key)) add(what, word, s);
  fmt::print("{}", out.text());
  for (const auto& [why, n] : reasons) fmt::print("not predicted, {} rows: {}\n", n, why);
  return Exit::ok;
}

Exit cross(const Options& o) {
  const std::vector<PublishedRow> rows = load_published(o.cross);
  const std::vector<CrossRow> crossed = cross_validate(rows);
  std::string csv =
      "# Written by: limen validate --cross FOLDER -o FILE. Rows of quality A and B. Without "
      "coverage:\n"
      "# rows foretold by equivalent measurements, not by a law: what could be reached at all.\n"
      "table,left_out,n,median_error,mean_error,p90_error,bias,coverage,violations\n";
  for (const CrossRow& c : crossed) {
    const ErrorStatistics& s = c.statistics;
    csv += fmt::format("{},{},{},{:.3f},{:.3f},{:.3f},{:.3f},", quoted_cell(c.table), c.left_out,
                       s.n, s.median, s.mean, s.p90, s.bias);
    csv += has_intervals(s) ? fmt::format("{:.3f},{}\n", s.coverage, s.violations) : ",\n";
  }
  if (!o.out.empty()) write_file(o.out, csv);
  if (o.json) {
    ordered_json root = ordered_json::array();
    for (const CrossRow& c : crossed) {
      ordered_json j = {{"table", c.table}, {"left_out", c.left_out}};
      j.update(json_of(c.statistics));
      root.push_back(j);
    }
    fmt::print("{}\n", root.dump(1));
    return Exit::ok;
  }
  TextTable out = table_of({"table", "left out, or told by"});
  for (const CrossRow& c : crossed) {
    std::vector<std::string> line = {c.table, c.left_out};
    for (std::string& f : figures(c.statistics)) line.push_back(std::move(f));
    out.add(std::move(line));
  }
  fmt::print("{}", out.text());
  return Exit::ok;
}

}  // namespace

void add_validate(CLI::App& app, Exit& code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "validate", "Predict a table of published measurements and say how far off it is");
  auto* cases = command->add_option(
      "--cases", o->cases, "A CSV table of decode rates, all-reduces, products or attention");
  auto* from =
      command
          ->add_option("--machine-from", o->from,
                       "calibrated: with the fits of each device; datasheet: blind to all that was "
                       "measured on it: its fits are left out and its relatives' are pooled again")
          ->capture_default_str();
  auto* engine = command->add_option("--engine", o->engine,
                                     "Take this engine for every row, not the one it names");
  command->add_option("-o,--output", o->out, "The table with predictions added, as CSV");
  auto* cross_option = command->add_option(
      "--cross", o->cross, "A folder of published tables: cross-validate by source and by device");
  cross_option->excludes(cases, from, engine);
  command->add_flag("--json", o->json, "The statistics as JSON on stdout");
  command->callback([o, &code] {
    if (o->cases.empty() && o->cross.empty())
      throw Error("validate: give --cases FILE, or --cross FOLDER");
    code = o->cases.empty() ? cross(*o) : validate(*o);
  });
}

}  // namespace limen::cli
