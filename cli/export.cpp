// limen export: a run in a form that another tool reads.
#include <fstream>
#include <memory>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "results/export.hpp"

namespace limen::cli {

void add_export(CLI::App& app, Exit& code) {
  struct Options {
    std::string run, file;
    bool gbench = false, csv = false, stream = false, osu = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("export", "Write a run in the form of another tool");
  command->add_option("RUN", o->run, "The folder of the run")->required();
  CLI::Option_group* form = command->add_option_group("form", "One of");
  form->add_flag("--gbench", o->gbench, "Google Benchmark's JSON, for its tools/compare.py");
  form->add_flag("--csv", o->csv, "One row a sample");
  form->add_flag("--stream", o->stream, "STREAM's table");
  form->add_flag("--osu", o->osu, "The OSU benchmarks' tables");
  form->require_option(1);
  command->add_option("-o,--output", o->file, "The file to write; without it, stdout");
  command->callback([o, &code] {
    const results::Run run = results::load_run(o->run);
    for (const std::string& warning : run.warnings) fmt::print(stderr, "limen: {}\n", warning);
    const std::string text = o->gbench   ? results::to_gbench(run)
                             : o->csv    ? results::to_csv(run)
                             : o->stream ? results::to_stream(run)
                                         : results::to_osu(run);
    code = Exit::ok;
    if (o->file.empty()) {
      fmt::print("{}", text);
      return;
    }
    std::ofstream out(o->file, std::ios::binary);
    out << text;
    out.close();
    if (!out)
      throw Error(o->file + ": cannot be written; choose a folder with room that you may write to");
  });
}

}  // namespace limen::cli
