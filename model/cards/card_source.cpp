#include "model/cards/card_source.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "model/cards/suggest.hpp"
#include "model/error.hpp"

namespace limen::cards {

CardSource card_source(const std::vector<EmbeddedCard>& built_in, std::string_view kind,
                       const std::string& name, const std::string& folder,
                       const std::string& where) {
  std::vector<std::string> names;
  for (const auto& card : built_in) {
    if (card.name == name)
      return {std::string(card.text), std::string(card.name) + ".toml (built in)", ""};
    names.emplace_back(card.name);
  }
  const bool is_path =
      name.find('/') != std::string::npos || (name.size() > 5 && name.ends_with(".toml"));
  if (!is_path) {
    throw Error(fmt::format("{}: unknown {} '{}'{} (a {} file ends in .toml)", where, kind, name,
                            suggestion(name, names), kind));
  }
  const auto path = (std::filesystem::path(folder) / name).lexically_normal();
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path)) {
    throw Error(
        fmt::format("{}: cannot read '{}'; limen cards lists what is built in, limen "
                    "calibrate writes a machine file",
                    where, path.string()));
  }
  std::ostringstream text;
  text << file.rdbuf();
  return {text.str(), path.string(), path.parent_path().string()};
}

}  // namespace limen::cards
