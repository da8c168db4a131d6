// Where a drawing goes.
#pragma once

#include <cstdio>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::cli {

// Into a file, or to stdout if its name is "-". Error if it cannot be written.
inline void write_file(const std::string& file, const std::string& text) {
  if (file == "-") {
    fmt::print("{}", text);
    return;
  }
  std::ofstream stream(file, std::ios::binary);
  stream << text;
  stream.close();
  if (!stream)
    throw Error(file + ": cannot be written; choose a folder with room that you may write to");
}

}  // namespace limen::cli
