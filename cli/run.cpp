#include "cli/commands.hpp"

namespace limen::cli {

void add_run(CLI::App&, Exit&) {}

}  // namespace limen::cli
