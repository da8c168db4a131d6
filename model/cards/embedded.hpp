// The cards that are built in: the files of hardware/, networks/ and models/, put into the program
// by CMake.
#pragma once

#include <string_view>
#include <vector>

namespace limen::cards {

struct EmbeddedCard {
  std::string_view name;  // the file's name without its ending
  std::string_view text;
};
const std::vector<EmbeddedCard>& embedded_machines();
const std::vector<EmbeddedCard>& embedded_networks();
const std::vector<EmbeddedCard>& embedded_models();
std::string_view embedded_laws();  // the text of laws.toml

}  // namespace limen::cards
