#include "cli/commands.hpp"

namespace limen::cli {

void add_show(CLI::App&, Exit&) {}

}  // namespace limen::cli
