// Models and weight formats under the many names that tables give them.
//
// "meta-llama/Llama-2-7b-hf", "Llama-2-7B" and "llama 7B Q4_0" are one shape; "AWQ int4 g128",
// "q4_0" and "w4a16" are weights of 4 bits with the bytes that their scales add.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/transformer.hpp"

namespace limen::cards {

// The shape that a table's name means: of a built-in model card, or of one of the older models that
// tables of measurements name. Words for a tuning, a version or a number format do not count.
std::optional<model::Transformer> known_model(std::string_view name);

// The shape of that very name, or of another of the same shape; every word counts, but not case,
// separators or who published it.
std::optional<model::Transformer> named_model(std::string_view name);

struct WeightFormat {
  model::Format format;
  double bytes;  // a weight takes, scales included
  std::string
      kernel;  // the kind of kernel that multiplies it: bf16, fp8, fp8-block, w8a8, int8, int4
};

// `bits` as a table states them, scales included; 0: those that the format's name implies.
std::optional<WeightFormat> known_format(std::string_view name, double bits = 0);

}  // namespace limen::cards
