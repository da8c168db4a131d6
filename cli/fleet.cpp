// limen fleet: the results of many nodes -> how they lie, and which of them do not fit.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/fleet_text.hpp"
#include "report/fleet_map.hpp"
#include "results/store.hpp"

namespace limen::cli {

namespace {

namespace fs = std::filesystem;
namespace fl = results::fleet;

struct Options {
  std::vector<fs::path> results;
  std::string against, file, svg;
  unsigned threads = 0;
  bool json = false, csv = false;
};

void talk(const std::vector<fl::Left>& list, const char* what) {
  for (const fl::Left& left : list) {
    // Errors of the store begin with the file; the folder is then said already.
    const bool named = left.why.rfind(left.path, 0) == 0;
    fmt::print(stderr, "limen: {}: {}{}{}\n", what, named ? "" : left.path, named ? "" : ": ",
               left.why);
  }
}

fl::Fleet earlier(const Options& o) {
  std::error_code why;
  if (fs::is_directory(o.against, why)) {
    fl::Collected collected = fl::collect({o.against}, o.threads);
    talk(collected.left_out, "left out of the earlier fleet");
    return std::move(collected.fleet);
  }
  std::ifstream in(o.against, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in)
    throw Error(o.against +
                ": cannot be read; --against takes what `limen fleet --json` wrote, or a folder");
  return fl::read_fleet(text.str(), o.against);
}

bool coloured() {
  const char* no_color = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) == 1 && !(no_color && *no_color);
}

Exit merge(const Options& o) {
  fl::Merged fleet = fl::merged(fl::collect(o.results, o.threads));
  talk(fleet.collected.left_out, "left out");
  talk(fleet.collected.remarks, "not whole");
  if (fleet.collected.runs == 0)
    throw Error("no result of a node that can be used; `limen probe` and `limen run` write them",
                Exit::nothing_to_run);
  if (!o.against.empty()) fleet.drift = fl::drift(fleet.collected.fleet, earlier(o));
  if (!o.svg.empty()) results::write_file(o.svg, report::fleet_svg(fleet));
  const std::string text = o.json  ? fl::to_json(fleet)
                           : o.csv ? fl::to_csv(fleet)
                                   : fleet_text(fleet, o.file.empty() && coloured());
  if (o.file.empty()) {
    fmt::print("{}", text);
  } else {
    results::write_file(o.file, text);
  }
  fmt::print(stderr, "limen: {} nodes of {} kinds from {} results; {} left out\n",
             fleet.collected.fleet.nodes(), fleet.collected.fleet.groups.size(),
             fleet.collected.runs, fleet.collected.left_out.size());
  return fleet.collected.left_out.empty() ? Exit::ok : Exit::failed;
}

}  // namespace

void add_fleet(CLI::App& app, Exit& code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "fleet", "Merge the results of many nodes: how they lie, and which of them do not fit");
  command->add_option("RESULTS", o->results, "Runs, or folders that hold runs at any depth")
      ->required();
  command->add_option("--against", o->against,
                      "An earlier fleet: what --json wrote, or a folder of runs");
  CLI::Option* json =
      command->add_flag("--json", o->json, "As JSON, with every figure of every node");
  command->add_flag("--csv", o->csv, "One row a figure of a node")->excludes(json);
  command->add_option("-o,--output", o->file, "The file to write; without it, stdout");
  command->add_option("--svg", o->svg, "Also draw a map of racks and nodes into this file");
  command->add_option("--threads", o->threads, "Threads that read (default: one a CPU)")
      ->check(CLI::Range(1, 1024));
  command->callback([o, &code] { code = merge(*o); });
}

}  // namespace limen::cli
