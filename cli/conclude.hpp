// The end of `limen run`: calibrates the run, predicts here and elsewhere, and writes machine.toml
// and report.html beside it.
#pragma once

#include "results/store.hpp"

namespace limen::cli {

// Prints the predictions on stdout, as JSON or as text. Throws Error if memory was not measured.
void conclude(const results::Run& run, bool json);

}  // namespace limen::cli
