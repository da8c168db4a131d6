// Models by name, or by the config.json that Hugging Face publishes with them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/transformer.hpp"

namespace limen::cards {

// `origin` is the file's name for error messages, `name` the model's. Throws Error: an unknown
// architecture or a missing key is named, never guessed.
model::Transformer read_model(std::string_view config_json, const std::string& name,
                              const std::string& origin);

// A built-in model, or a file if the name has a slash or ends in .json. `option` begins an error.
model::Transformer find_model(const std::string& name_or_file,
                              const std::string& option = "--model");
std::vector<std::string> model_names();

}  // namespace limen::cards
