#include "cli/commands.hpp"

namespace limen::cli {

void add_compare(CLI::App&, Exit&) {}

}  // namespace limen::cli
