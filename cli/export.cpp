#include "cli/commands.hpp"

namespace limen::cli {

void add_export(CLI::App&, Exit&) {}

}  // namespace limen::cli
