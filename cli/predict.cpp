#include "cli/commands.hpp"

namespace limen::cli {

void add_predict(CLI::App&, Exit&) {}

}  // namespace limen::cli
