#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <system_error>

#include <fmt/format.h>

#include "cli/command_tree.hpp"
#include "cli/commands.hpp"
#include "model/cards/suggest.hpp"
#include "revision.hpp"

namespace {

// CLI11 asks for a subcommand, and does not say that it knows none of the name that was given.
void check_command(const CLI::App& app, const std::string& name) {
  std::vector<std::string> known{"generate"};
  for (const auto& command : limen::cli::command_tree(app).commands) known.push_back(command.name);
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  known.erase(known.begin());
  throw limen::Error("there is no subcommand '" + name + "'" +
                     limen::cards::suggestion(name, known) + " (limen --help lists what there is)");
}

// What is still in the buffer may find a full disk.
limen::Exit written(limen::Exit code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  fmt::print(stderr, "limen: stdout: {}\n", std::strerror(errno));
  return limen::Exit::failed;
}

// CLI11 takes an empty value for none, and drops the hole of 1,,2.
void check_values(int argc, char** argv) {
  std::string_view option;
  for (int i = 1; i < argc; ++i) {
    std::string_view value = argv[i];
    if (const auto equals = value.find('='); value.starts_with("--") && equals != value.npos) {
      option = value.substr(0, equals);
      value.remove_prefix(equals + 1);
    } else if (value.starts_with("-")) {
      option = value;
      continue;
    }
    if (value.empty() || (!option.empty() && (value.starts_with(',') || value.ends_with(',') ||
                                              value.find(",,") != value.npos)))
      throw limen::Error(fmt::format("{}: '{}' has an empty value; write one, or leave it out",
                                     option.empty() ? "an argument" : option, value));
    option = {};
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace limen;
  CLI::App app{"limen: measures the limits of a machine and predicts LLM decoding from them"};
  app.set_version_flag("--version", revision::version);
  app.require_subcommand(1);
  Exit code = Exit::ok;
  cli::add_run(app, code);
  cli::add_report(app, code);
  cli::add_probe(app, code);
  cli::add_list(app, code);
  cli::add_show(app, code);
  cli::add_compare(app, code);
  cli::add_fleet(app, code);
  cli::add_export(app, code);
  cli::add_import(app, code);
  cli::add_calibrate(app, code);
  cli::add_predict(app, code);
  cli::add_serve(app, code);
  cli::add_plot(app, code);
  cli::add_limits(app, code);
  cli::add_sweep(app, code);
  cli::add_findings(app, code);
  cli::add_cards(app, code);
  cli::add_slurm(app, code);
  cli::add_reproduce(app, code);
  cli::add_verify(app, code);
  cli::add_validate(app, code);
  cli::add_selfbench(app, code);
  cli::add_generate(app, code);
  try {
    if (argc > 1 && argv[1][0] != '-') {
      check_command(app, argv[1]);
      const CLI::App& command = *app.get_subcommand(argv[1]);
      if (argc > 2 && argv[2][0] != '-' && !cli::command_tree(command).commands.empty())
        check_command(command, argv[2]);
    }
    check_values(argc, argv);
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {  // --help, --version
    code = app.exit(help) == 0 ? Exit::ok : Exit::usage;
  } catch (const CLI::ParseError& e) {
    fmt::print(stderr, "limen: {} (limen --help lists what there is)\n", e.what());
    return static_cast<int>(Exit::usage);
  } catch (const Error& e) {
    fmt::print(stderr, "limen: {}\n", e.what());
    return static_cast<int>(e.code());
  } catch (const std::system_error& e) {  // of fmt, where stdout takes no more
    fmt::print(stderr, "limen: stdout: {}\n", e.code().message());
    return static_cast<int>(Exit::failed);
  } catch (const std::exception& e) {
    fmt::print(stderr, "limen: internal error: {} (please report it with the command line)\n",
               e.what());
    return static_cast<int>(Exit::failed);
  }
  return static_cast<int>(written(code));
}
