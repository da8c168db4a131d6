// Where a machine or network card is: built in, or a file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/cards/embedded.hpp"

namespace limen::cards {

struct CardSource {
  std::string text;
  std::string origin;  // for error messages, and to know a card again
  std::string folder;  // that its own references to files start from
};

// A built-in card by name, or a file if the name has a slash or ends in .toml; a relative path
// starts from `folder`. `where` begins the error's line and `kind` says what was looked for
// ("machine", "network"). Throws Error.
CardSource card_source(const std::vector<EmbeddedCard>& built_in, std::string_view kind,
                       const std::string& name, const std::string& folder,
                       const std::string& where);

}  // namespace limen::cards
