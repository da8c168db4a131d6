// limen export: a run, or a machine, in a form that another tool reads.
#include <memory>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/write_file.hpp"
#include "model/cards/foreign_card.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/suggest.hpp"
#include "results/export.hpp"

namespace limen::cli {

namespace {

std::string foreign(const std::string& machine, const std::string& format) {
  const model::Machine m = cards::find_machine(machine, "export");
  cards::ForeignCard card;
  if (format == "aiconfigurator") {
    card = cards::to_aiconfigurator(m);
  } else if (format == "genz") {
    card = cards::to_genz(m);
  } else if (format == "llmcompass") {
    card = cards::to_llmcompass(m);
  } else {
    throw Error(fmt::format("--card-as: unknown format '{}'{}", format,
                            cards::suggestion(format, {"aiconfigurator", "genz", "llmcompass"})));
  }
  for (const auto& key : card.left_out)
    fmt::print(stderr, "limen: left out, the card does not say it: {}\n", key);
  return card.text;
}

}  // namespace

void add_export(CLI::App& app, Exit& code) {
  struct Options {
    std::string run, file, card_as;
    bool gbench = false, csv = false, stream = false, osu = false, nccl_tests = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("export", "Write a run, or a machine, in the form of another tool");
  command
      ->add_option("RUN", o->run,
                   "The folder of the run; with --card-as a machine, by name or file")
      ->required();
  CLI::Option_group* form = command->add_option_group("form", "One of");
  form->add_flag("--gbench", o->gbench, "Google Benchmark's JSON, for its tools/compare.py");
  form->add_flag("--csv", o->csv, "One row a sample");
  form->add_flag("--stream", o->stream, "STREAM's table");
  form->add_flag("--osu", o->osu, "The OSU benchmarks' tables");
  form->add_flag("--nccl-tests", o->nccl_tests, "The tables of nccl-tests");
  form->add_option("--card-as", o->card_as, "A machine: aiconfigurator, genz or llmcompass");
  form->require_option(1);
  command->add_option("-o,--output", o->file, "The file to write; without it, stdout");
  command->callback([o, &code] {
    std::string text;
    if (!o->card_as.empty()) {
      text = foreign(o->run, o->card_as);
    } else {
      const results::Run run = results::load_run(o->run);
      for (const std::string& warning : run.warnings) fmt::print(stderr, "limen: {}\n", warning);
      text = o->gbench   ? results::to_gbench(run)
             : o->csv    ? results::to_csv(run)
             : o->stream ? results::to_stream(run)
             : o->osu    ? results::to_osu(run)
                         : results::to_nccl_tests(run);
    }
    code = Exit::ok;
    if (o->file.empty()) {
      fmt::print("{}", text);
      return;
    }
    write_file(o->file, text);
  });
}

}  // namespace limen::cli
