#include "cli/commands.hpp"

namespace limen::cli {

void add_selfbench(CLI::App&, Exit&) {}

}  // namespace limen::cli
