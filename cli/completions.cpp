// Completions for bash, zsh and fish. What follows an option with a value, and what stands in a
// place on the line, is completed as a file: the shell knows those, and names of cards are few.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/command_tree.hpp"

namespace limen::cli {

namespace {

std::vector<std::string> words_of(const std::vector<OptionText>& options, bool with_value_only) {
  std::vector<std::string> words;
  for (const OptionText& o : options)
    if (o.takes_value || !with_value_only)
      words.insert(words.end(), o.names.begin(), o.names.end());
  return words;
}

// Single-quoted for a shell; fish and the others escape the quote differently.
std::string quoted(const std::string& text, const char* quote) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string(quote) : std::string(1, c);
  return out + "'";
}

// Characters that mean something to zsh's _arguments and _describe.
std::string zsh_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == ':' || c == '[' || c == ']' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_option(const OptionText& o, const std::string& name) {
  std::string text = (o.many ? "*" : "") + name + "[" + zsh_escaped(o.description) + "]";
  if (o.takes_value) text += ":value:_files";
  return quoted(text, "'\\''");
}

}  // namespace

std::string bash_completion(const CommandTree& tree) {
  std::vector<std::string> commands;
  std::string cases;
  for (const CommandText& c : tree.commands) {
    commands.push_back(c.name);
    cases += fmt::format("    {})\n      words=\"{}\"\n      with_value=\" {} \" ;;\n", c.name,
                         fmt::join(words_of(c.options, false), " "),
                         fmt::join(words_of(c.options, true), " "));
  }
  return fmt::format(R"(# Completion of limen for bash; written by `limen generate bash`.
_limen() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
  local command="" words="" with_value="" i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ ${{COMP_WORDS[i]}} != -* ]]; then command=${{COMP_WORDS[i]}}; break; fi
  done
  case $command in
    "") words="{} {}" ;;
{}  esac
  COMPREPLY=()
  if [[ $with_value == *" $previous "* ]]; then return; fi  # readline completes a file
  if [[ -z $command || $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}}
complete -o bashdefault -o default -F _limen limen
)",
                     fmt::join(commands, " "), fmt::join(words_of(tree.options, false), " "),
                     cases);
}

std::string zsh_completion(const CommandTree& tree) {
  std::string commands, cases;
  for (const CommandText& c : tree.commands) {
    commands += "    " + quoted(c.name + ":" + zsh_escaped(c.description), "'\\''") + "\n";
    cases += fmt::format("    {})\n      _arguments", c.name);
    for (const OptionText& o : c.options)
      for (const std::string& name : o.names) cases += " \\\n        " + zsh_option(o, name);
    cases += " \\\n        '*:file:_files' ;;\n";
  }
  std::vector<std::string> options;
  for (const OptionText& o : tree.options)
    for (const std::string& name : o.names) options.push_back(zsh_option(o, name));
  return fmt::format(R"(#compdef limen
# Completion of limen for zsh; written by `limen generate zsh`.
_limen() {{
  local -a commands
  commands=(
{})
  if (( CURRENT == 2 )); then
    _describe command commands
    _arguments {}
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{}  esac
}}
if [[ $funcstack[1] == _limen ]]; then _limen "$@"; else compdef _limen limen; fi
)",
                     commands, fmt::join(options, " "), cases);
}

std::string fish_completion(const CommandTree& tree) {
  constexpr const char* quote = "\\'";
  std::string out = "# Completion of limen for fish; written by `limen generate fish`.\n";
  const auto option = [&out](const OptionText& o, const std::string& when) {
    out += "complete -c limen -n " + when;
    for (const std::string& name : o.names) {
      if (name.size() == 2) out += " -s " + name.substr(1);
      if (name.size() > 2) out += " -l " + name.substr(2);
    }
    out += (o.takes_value ? " -r -d " : " -d ") + quoted(o.description, quote) + "\n";
  };
  for (const OptionText& o : tree.options)
    if (!o.names.empty()) option(o, "__fish_use_subcommand");
  for (const CommandText& c : tree.commands)
    out += fmt::format("complete -c limen -f -n __fish_use_subcommand -a {} -d {}\n", c.name,
                       quoted(c.description, quote));
  for (const CommandText& c : tree.commands)
    for (const OptionText& o : c.options)
      if (!o.names.empty()) option(o, "'__fish_seen_subcommand_from " + c.name + "'");
  return out;
}

}  // namespace limen::cli
