// The page as build.sh made it, put into the program by CMake.
#pragma once

#include <string_view>

namespace limen::report {

std::string_view built_page();

}  // namespace limen::report
