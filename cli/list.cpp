#include "cli/commands.hpp"

namespace limen::cli {

void add_list(CLI::App&, Exit&) {}

}  // namespace limen::cli
