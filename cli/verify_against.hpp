// The prediction against tokens/s that another engine printed on this machine.
#pragma once

#include <string>
#include <vector>

#include "model/machine.hpp"

namespace limen::cli {

// Reads output of llama-bench, predicts each of its text generations on the machine, and prints
// both, without and with what the engine leaves of the limit fitted (a factor for each weight
// format, each case with a factor from the others alone). False if there is nothing to compare.
// Error on a malformed file.
bool verify_against(const model::Machine& machine, const std::vector<std::string>& files,
                    bool json);

}  // namespace limen::cli
