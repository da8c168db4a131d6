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

// What is offered after each command, and after each of its kinds.
std::string bash_cases(const std::vector<CommandText>& commands, const std::string& parent = "") {
  std::string cases;
  for (const CommandText& c : commands) {
    std::vector<std::string> words = names_of(c.kinds);
    for (const std::string& word : words_of(c.options, false)) words.push_back(word);
    cases += fmt::format("    \"{}\")\n      words=\"{}\"\n{}      with_value=\" {} \" ;;\n",
                         parent + c.name, fmt::join(words, " "),
                         c.kinds.empty() ? "" : "      has_kinds=yes\n",
                         fmt::join(words_of(c.options, true), " "));
    cases += bash_cases(c.kinds, c.name + " ");
  }
  return cases;
}

// The commands with what they are, for _describe.
std::string zsh_commands(const std::vector<CommandText>& commands) {
  std::string out;
  for (const CommandText& c : commands)
    out += "    " + quoted(c.name + ":" + zsh_escaped(c.description), "'\\''") + "\n";
  return out;
}

// Offers the options of a command whose name is the first of `words`; its kinds first, if it has.
std::string zsh_case(const CommandText& c) {
  if (!c.kinds.empty()) {
    std::string cases;
    for (const CommandText& kind : c.kinds) cases += zsh_case(kind);
    return fmt::format(
        "    {})\n      kinds=(\n{})\n      if (( CURRENT == 2 )); then _describe kind "
        "kinds; return; fi\n      command=$words[2]\n      shift words\n      "
        "(( CURRENT-- ))\n      case $command in\n{}      esac ;;\n",
        c.name, zsh_commands(c.kinds), cases);
  }
  std::string out = fmt::format("    {})\n      _arguments", c.name);
  for (const OptionText& o : c.options)
    for (const std::string& name : o.names) out += " \\\n        " + zsh_option(o, name);
  return out + " \\\n        '*:file:_files' ;;\n";
}

}  // namespace

std::string bash_completion(const CommandTree& tree) {
  return fmt::format(R"(# Completion of limen for bash; written by `limen generate bash`.
_limen() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
  local command="" words="" with_value="" has_kinds="" i
  _limen_look() {{
    words="" with_value="" has_kinds=""
    case $command in
    "")
      words="{} {}"
      has_kinds=yes ;;
{}    esac
  }}
  _limen_look
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ -z $has_kinds ]]; then break; fi
    if [[ ${{COMP_WORDS[i]}} == -* ]]; then continue; fi
    command+=${{command:+ }}${{COMP_WORDS[i]}}
    _limen_look
  done
  COMPREPLY=()
  if [[ $with_value == *" $previous "* ]]; then return; fi  # readline completes a file
  if [[ -n $has_kinds || $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}}
complete -o bashdefault -o default -F _limen limen
)",
                     fmt::join(names_of(tree.commands), " "),
                     fmt::join(words_of(tree.options, false), " "), bash_cases(tree.commands));
}

std::string zsh_completion(const CommandTree& tree) {
  std::string cases;
  for (const CommandText& c : tree.commands) cases += zsh_case(c);
  std::vector<std::string> options;
  for (const OptionText& o : tree.options)
    for (const std::string& name : o.names) options.push_back(zsh_option(o, name));
  return fmt::format(R"(#compdef limen
# Completion of limen for zsh; written by `limen generate zsh`.
_limen() {{
  local -a commands kinds
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
                     zsh_commands(tree.commands), fmt::join(options, " "), cases);
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
  for (const CommandText& c : tree.commands) {
    const std::string seen = "__fish_seen_subcommand_from ";
    const std::string kinds = fmt::format("{}", fmt::join(names_of(c.kinds), " "));
    const std::string itself =
        quoted(seen + c.name + (kinds.empty() ? "" : "; and not " + seen + kinds), quote);
    for (const OptionText& o : c.options)
      if (!o.names.empty()) option(o, itself);
    for (const CommandText& kind : c.kinds) {
      out += fmt::format("complete -c limen -f -n {} -a {} -d {}\n", itself, kind.name,
                         quoted(kind.description, quote));
      for (const OptionText& o : kind.options)
        if (!o.names.empty()) option(o, quoted(seen + c.name + "; and " + seen + kind.name, quote));
    }
  }
  return out;
}

}  // namespace limen::cli
