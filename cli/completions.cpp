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

std::vector<std::string> names_of(const std::vector<CommandText>& commands) {
  std::vector<std::string> names;
  for (const CommandText& c : commands) names.push_back(c.name);
  return names;
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

// What is offered after a command, `path` being its name and those before it, and after those
// below.
std::string bash_cases(const CommandText& c, const std::string& path) {
  std::vector<std::string> words = names_of(c.commands);
  for (const std::string& word : words_of(c.options, false)) words.push_back(word);
  std::string cases =
      fmt::format("    \"{}\")\n      words=\"{}\"\n{}      with_value=\" {} \" ;;\n", path,
                  fmt::join(words, " "), c.commands.empty() ? "" : "      has_commands=yes\n",
                  fmt::join(words_of(c.options, true), " "));
  for (const CommandText& below : c.commands)
    cases += bash_cases(below, path + (path.empty() ? "" : " ") + below.name);
  return cases;
}

// What is offered after the command that is the first of $words: its options and files, or the
// commands below it, and after those the same of them.
std::string zsh_level(const CommandText& c) {
  std::string arguments = "_arguments";
  for (const OptionText& o : c.options)
    for (const std::string& name : o.names) arguments += " \\\n    " + zsh_option(o, name);
  if (c.commands.empty()) return "  " + arguments + " \\\n    '*:file:_files'\n";
  std::string commands, cases;
  for (const CommandText& below : c.commands) {
    commands += "    " + quoted(below.name + ":" + zsh_escaped(below.description), "'\\''") + "\n";
    cases += fmt::format("  {})\n{}  ;;\n", below.name, zsh_level(below));
  }
  return fmt::format(R"(  commands=(
{})
  if (( CURRENT == 2 )); then
    _describe command commands
    {}
    return
  fi
  command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{}  esac
)",
                     commands, arguments, cases);
}

// The same for fish; `seen` is the condition that the command stands on the line, "" for limen.
std::string fish_level(const CommandText& c, const std::string& seen) {
  constexpr const char *quote = "\\'", *one_of = "__fish_seen_subcommand_from ";
  std::string here = seen.empty() ? "__fish_use_subcommand" : seen;
  if (!seen.empty() && !c.commands.empty())
    here += fmt::format("; and not {}{}", one_of, fmt::join(names_of(c.commands), " "));
  here = "complete -c limen -n " + quoted(here, quote);
  std::string out;
  for (const OptionText& o : c.options) {
    if (o.names.empty()) continue;
    out += here;
    for (const std::string& name : o.names) {
      if (name.size() == 2) out += " -s " + name.substr(1);
      if (name.size() > 2) out += " -l " + name.substr(2);
    }
    out += (o.takes_value ? " -r -d " : " -d ") + quoted(o.description, quote) + "\n";
  }
  for (const CommandText& below : c.commands) {
    out += fmt::format("{} -f -a {} -d {}\n", here, below.name, quoted(below.description, quote));
    out += fish_level(below, (seen.empty() ? "" : seen + "; and ") + one_of + below.name);
  }
  return out;
}

}  // namespace

std::string bash_completion(const CommandText& limen) {
  return fmt::format(R"(# Completion of limen for bash; written by `limen generate bash`.
_limen() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
  local command="" words="" with_value="" has_commands="" i
  _limen_look() {{
    words="" with_value="" has_commands=""
    case $command in
{}    esac
  }}
  _limen_look
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ -z $has_commands ]]; then break; fi
    if [[ ${{COMP_WORDS[i]}} == -* ]]; then continue; fi
    command+=${{command:+ }}${{COMP_WORDS[i]}}
    _limen_look
  done
  COMPREPLY=()
  if [[ $with_value == *" $previous "* ]]; then return; fi  # readline completes a file
  if [[ -n $has_commands || $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}}
complete -o bashdefault -o default -F _limen limen
)",
                     bash_cases(limen, ""));
}

std::string zsh_completion(const CommandText& limen) {
  return fmt::format(R"(#compdef limen
# Completion of limen for zsh; written by `limen generate zsh`.
_limen() {{
  local -a commands
  local command
{}}}
if [[ $funcstack[1] == _limen ]]; then _limen "$@"; else compdef _limen limen; fi
)",
                     zsh_level(limen));
}

std::string fish_completion(const CommandText& limen) {
  return "# Completion of limen for fish; written by `limen generate fish`.\n" +
         fish_level(limen, "");
}

}  // namespace limen::cli
