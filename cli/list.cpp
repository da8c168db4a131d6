// limen list: the runs in a folder.
#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/text_table.hpp"
#include "results/store.hpp"

namespace limen::cli {

namespace {

namespace fs = std::filesystem;

std::string state_of(const results::Provenance& p) {
  return !p.imported.empty()  ? "imported"
         : p.interrupted      ? "interrupted"
         : p.finished.empty() ? "unfinished"
                              : "finished";
}

Exit list(const fs::path& directory, bool json) {
  std::error_code why;
  if (!fs::is_directory(directory, why))
    throw Error(directory.string() +
                ": no such folder; `limen run` and `limen probe` write their runs into one");
  std::vector<fs::path> runs;
  for (const auto& entry : fs::directory_iterator(directory))
    if (fs::exists(entry.path() / "run.json", why)) runs.push_back(entry.path());
  std::sort(runs.begin(), runs.end());

  Exit code = Exit::ok;
  TextTable table({"run", "started", "host", "cpu", "state"});
  nlohmann::json all = nlohmann::json::array();
  for (const fs::path& run : runs) {
    try {
      const results::Provenance p = results::load_provenance(run);
      table.add({run.string(), p.started, p.host, p.cpu_model, state_of(p)});
      all.push_back({{"run", run.string()},
                     {"started", p.started},
                     {"host", p.host},
                     {"cpu", p.cpu_model},
                     {"state", state_of(p)}});
    } catch (const Error& e) {  // one bad run does not hide the others
      fmt::print(stderr, "limen: {}\n", e.what());
      code = Exit::failed;
    }
  }
  if (json) {
    fmt::print("{}\n", all.dump(1));
  } else if (!table.empty()) {
    fmt::print("{}", table.text());
  }
  if (runs.empty()) fmt::print(stderr, "limen: no runs in {}\n", directory.string());
  return code;
}

}  // namespace

void add_list(CLI::App& app, Exit& code) {
  struct Options {
    std::string directory = "runs";
    bool json = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("list", "List the runs in a folder");
  command->add_option("DIR", o->directory, "The folder")->capture_default_str();
  command->add_flag("--json", o->json, "As JSON");
  command->callback([o, &code] { code = list(o->directory, o->json); });
}

}  // namespace limen::cli
