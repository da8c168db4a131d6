// limen import: what other benchmarks printed -> a run; tables of published measurements -> those
// that calibrate reads.
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "calibration/import/import.hpp"
#include "calibration/published/import.hpp"
#include "cli/commands.hpp"
#include "cli/write_file.hpp"
#include "revision.hpp"

namespace limen::cli {

namespace {

namespace im = calibration::importing;

struct Options {
  im::Request request;
  std::string directory, published;
  bool json = false, list = false;
};

std::string formats_text() {
  std::string text;
  for (const im::Format& f : im::formats()) text += fmt::format("{:<14}{}\n", f.name, f.units);
  return text;
}

// The compact tables that calibrate --published reads.
Exit import_published(const Options& o) {
  if (!o.request.files.empty())
    throw Error("limen import: --published takes a folder of tables and no other files");
  const auto files = calibration::compact_published(o.published);
  if (o.directory.empty()) throw Error("limen import: name the folder to write with -o");
  std::error_code failed;
  std::filesystem::create_directories(o.directory, failed);
  for (const auto& [name, text] : files)
    write_file((std::filesystem::path(o.directory) / name).string(), text);
  return Exit::ok;
}

Exit import_run(const Options& o) {
  if (o.list) {
    fmt::print("{}", formats_text());
    return Exit::ok;
  }
  if (o.request.files.empty()) throw Error("limen import: name a file to import (--list: formats)");
  results::Run run = im::import_files(o.request);  // what is wrong with a file matters more
  if (o.directory.empty()) throw Error("limen import: name the run to write with -o");
  run.provenance.version = revision::version;
  run.provenance.git_sha = revision::git_sha;
  run.provenance.git_dirty = revision::git_dirty;
  im::write_whole(run, o.directory);
  for (const std::string& note : run.warnings) fmt::print(stderr, "limen: {}\n", note);
  std::size_t skipped = 0, invalid = 0;
  for (const results::Measurement& m : run.measurements) {
    skipped += std::holds_alternative<results::Skipped>(m.outcome);
    invalid += std::holds_alternative<results::Invalid>(m.outcome);
  }
  if (o.json) {
    nlohmann::json files = nlohmann::json::array();
    for (const auto& i : run.provenance.imported)
      files.push_back({{"file", i.file}, {"format", i.tool}, {"version", i.version}});
    fmt::print("{}\n", nlohmann::json{{"run", o.directory},
                                      {"files", files},
                                      {"cases", run.measurements.size()},
                                      {"skipped", skipped},
                                      {"invalid", invalid}}
                           .dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("{}\n", o.directory);
    for (const auto& i : run.provenance.imported)
      fmt::print(stderr, "limen: {}: {} {}\n", i.file, i.tool, i.version);
    fmt::print(stderr, "limen: {} cases, {} skipped, {} invalid\n", run.measurements.size(),
               skipped, invalid);
  }
  return Exit::ok;
}

}  // namespace

void add_import(CLI::App& app, Exit& code) {
  auto o = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("import", "Make a run of what other benchmarks printed into files");
  command->add_option("FILE", o->request.files, "Files; several become one run");
  command->add_option("--as", o->request.format,
                      "The format, if the content does not show it (--list names them)");
  command->add_option("--machine-name", o->request.machine, "What was measured");
  command
      ->add_option("--ranks", o->request.unsaid.ranks,
                   "Ranks of a collective, 2 or more, where the file does not say (OSU)")
      ->check(CLI::Range(2, 1 << 24));
  command
      ->add_option("--threads", o->request.unsaid.threads,
                   "Threads, where the file does not say (BabelStream)")
      ->check(CLI::Range(1, 1 << 24));
  command->add_option("-o,--output", o->directory, "The folder to write");
  command->add_option("--published", o->published,
                      "A folder of tables of published measurements (gemv_gemm.csv, allreduce.csv, "
                      "..., sources.csv), instead of files: compact tables, each row with its "
                      "provenance");
  command->add_flag("--list", o->list, "Name the formats, with the units that they print");
  command->add_flag("--json", o->json, "Answer in JSON");
  command->callback(
      [o, &code] { code = o->published.empty() ? import_run(*o) : import_published(*o); });
}

}  // namespace limen::cli
