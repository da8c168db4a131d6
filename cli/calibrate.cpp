#include "cli/commands.hpp"

namespace limen::cli {

void add_calibrate(CLI::App&, Exit&) {}

}  // namespace limen::cli
