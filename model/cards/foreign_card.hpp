// Machines in the formats of other tools, as far as a card says what these ask for.
#pragma once

#include <string>
#include <vector>

#include "model/machine.hpp"

namespace limen::cards {

struct ForeignCard {
  std::string text;
  std::vector<std::string> left_out;  // keys of the format that the machine does not say
};

// aiconfigurator: a YAML file of its systems/ (B/s, B, FLOP/s, W, s; a device, one way).
ForeignCard to_aiconfigurator(const model::Machine& machine);
// GenZ: JSON of a dictionary that its functions take as `system_name` (TFLOP/s, GB, GB/s, us).
ForeignCard to_genz(const model::Machine& machine);
// LLMCompass: JSON of its configs/; the inside of a core is not a card's to say.
ForeignCard to_llmcompass(const model::Machine& machine);

}  // namespace limen::cards
