// Where an output goes that the user named.
#pragma once

#include <cstdio>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::cli {

// Error if it cannot be written.
inline void write_file(const std::string& file, const std::string& text) {
  std::ofstream stream(file, std::ios::binary);
  stream << text;
  stream.close();
  if (!stream)
    throw Error(file + ": cannot be written; choose a folder with room that you may write to");
}

// A drawing: to stdout if the name is "-".
inline void write_drawing(const std::string& file, const std::string& svg) {
  if (file == "-")
    fmt::print("{}", svg);
  else
    write_file(file, svg);
}

}  // namespace limen::cli
