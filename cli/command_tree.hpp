// The subcommands and options of limen as the command line itself knows them: what the manual page
// and the completions of shells are made of, so that neither can go stale.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace limen::cli {

struct OptionText {
  std::vector<std::string> names;  // "-o", "--output"; empty: a place on the line
  std::string place;               // its name there: "RUN"
  std::string description;
  bool takes_value = false;
  bool many = false;
  bool required = false;
};

// limen itself, one of its subcommands, or one of theirs.
struct CommandText {
  std::string name, description;
  std::vector<OptionText> options;    // without hidden ones
  std::vector<CommandText> commands;  // likewise
};

CommandText command_tree(const CLI::App& app);

std::string bash_completion(const CommandText& limen);
std::string zsh_completion(const CommandText& limen);
std::string fish_completion(const CommandText& limen);
// A page for man(1). `date` as it shall stand there, "2026-11-24".
std::string manual_page(const CommandText& limen, const std::string& date);

}  // namespace limen::cli
