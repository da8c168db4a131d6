// The models of `limen cards --models`: shape, size, cache and formats of each.
#pragma once

#include <vector>

#include "model/transformer.hpp"

namespace limen::cli {

void list_models(const std::vector<model::Transformer>& models, bool json);

}  // namespace limen::cli
