// limen generate (not in --help: for packages): the manual page and the completions of shells.
#include <memory>

#include <fmt/format.h>

#include "cli/command_tree.hpp"
#include "cli/commands.hpp"

namespace limen::cli {

void add_generate(CLI::App& app, Exit& code) {
  struct Options {
    std::string what, date;
  };
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("generate", "Write the manual page or a completion");
  command->group("");
  command->add_option("WHAT", o->what, "bash, zsh, fish or man")->required();
  command->add_option("--date", o->date, "Of the manual page, as YYYY-MM-DD");
  command->callback([o, &app, &code] {
    const CommandText limen = command_tree(app);
    if (o->what == "man") {
      fmt::print("{}", manual_page(limen, o->date));
    } else if (o->what == "bash") {
      fmt::print("{}", bash_completion(limen));
    } else if (o->what == "zsh") {
      fmt::print("{}", zsh_completion(limen));
    } else if (o->what == "fish") {
      fmt::print("{}", fish_completion(limen));
    } else {
      throw Error("limen generate: '" + o->what + "' is none of bash, zsh, fish and man");
    }
    code = Exit::ok;
  });
}

}  // namespace limen::cli
