// limen calibrate: runs -> a machine file, with how well each law fits and what could not be told.
#include <filesystem>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "calibration/calibrate.hpp"
#include "cli/calibrate_published.hpp"
#include "cli/commands.hpp"
#include "cli/text_table.hpp"
#include "cli/write_file.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/units.hpp"

namespace limen::cli {

namespace {

using nlohmann::json;

struct Options {
  std::vector<std::string> runs;
  std::string file, name, subject, published;
  bool json = false;
};

template <class P>
json json_of(const P& p) {
  return {{"value", cards::to_text(p.value)},
          {"low", cards::to_text(p.low)},
          {"high", cards::to_text(p.high)},
          {"evidence", model::name(p.evidence)},
          {"source", p.source}};
}

std::string as_json(const calibration::Calibration& c) {
  json parameters = json::object(), laws = json::array(), all_reduce = json::array();
  model::for_each_parameter(c.machine, [&](const std::string& key, const auto& p) {
    if (p) parameters[key] = json_of(*p);
  });
  for (const auto& piece : c.machine.all_reduce)
    all_reduce.push_back({{"ranks", piece.ranks},
                          {"from", cards::to_text(piece.from)},
                          {"alpha", json_of(piece.alpha)},
                          {"beta", json_of(piece.beta)},
                          {"scatter", piece.scatter}});
  for (const auto& law : c.laws) {
    laws.push_back({{"law", law.law},
                    {"n", law.n},
                    {"median_error", law.median_error},
                    {"largest_error", law.largest_error}});
    if (law.held_out) laws.back()["held_out_error"] = *law.held_out;
  }
  const json root{{"name", c.machine.name},
                  {"parameters", parameters},
                  {"all_reduce", all_reduce},
                  {"laws", laws},
                  {"unidentified", c.machine.unidentified},
                  {"notes", c.notes}};
  return root.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

void tell(const calibration::Calibration& c) {
  for (const std::string& note : c.notes) fmt::print(stderr, "limen: {}\n", note);
  TextTable table({"law", ">n", ">median error", ">largest error", ">held-out error"});
  for (const auto& law : c.laws)
    table.add({law.law, std::to_string(law.n), percent(law.median_error),
               percent(law.largest_error), law.held_out ? percent(*law.held_out) : "-"});
  if (!table.empty()) fmt::print(stderr, "{}", table.text());
  for (const std::string& what : c.machine.unidentified)
    fmt::print(stderr, "not identified: {}\n", what);
}

Exit calibrate(const Options& o) {
  if (o.runs.empty() == o.published.empty())
    throw Error("calibrate: give folders of runs, or --published FOLDER");
  if (!o.published.empty()) return calibrate_published(o.published, o.file, o.json);
  std::vector<results::Run> runs;
  std::set<std::filesystem::path> paths;
  for (const std::string& directory : o.runs) {
    runs.push_back(results::load_run(directory));
    if (!paths.insert(std::filesystem::canonical(directory)).second)
      throw Error(directory + ": the same run as one before; its samples would count twice");
    for (const std::string& warning : runs.back().warnings)
      fmt::print(stderr, "limen: {}\n", warning);
  }
  const calibration::Calibration c =
      calibration::calibrate(runs, o.name,
                             o.subject == "cpu"   ? calibration::Subject::cpu
                             : o.subject == "gpu" ? calibration::Subject::gpu
                                                  : calibration::Subject::whatever);
  const std::string machine = cards::write_machine(c.machine);
  tell(c);
  if (!o.file.empty()) write_file(o.file, machine);
  if (o.json) {
    fmt::print("{}", as_json(c));
  } else if (o.file.empty()) {
    fmt::print("{}", machine);
  }
  return Exit::ok;
}

}  // namespace

void add_calibrate(CLI::App& app, Exit& code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("calibrate", "Fit the laws of a machine to runs");
  command->add_option("RUN", o->runs, "Folders of runs; several are pooled");
  auto* published = command->add_option(
      "--published", o->published,
      "A folder of published tables: fit the laws of devices and engines to them");
  command->add_option("-o,--output", o->file, "The machine file to write; without it, stdout");
  command->add_option("--name", o->name, "The name of the machine; without it, the host's")
      ->excludes(published);
  command
      ->add_option("--of", o->subject,
                   "What of the host: cpu or gpu (default: its GPUs if they were measured)")
      ->check(CLI::IsMember({"cpu", "gpu"}))
      ->excludes(published);
  command->add_flag("--json", o->json, "The fit as JSON on stdout");
  command->callback([o, &code] { code = calibrate(*o); });
}

}  // namespace limen::cli
