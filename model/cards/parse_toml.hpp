// TOML with errors that say where.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "model/error.hpp"

namespace limen::cards {

// `origin` is the file's name for the error. Throws Error with line and column.
inline toml::table parse_toml(std::string_view text, const std::string& origin) {
  try {
    return toml::parse(text, origin);
  } catch (const toml::parse_error& e) {
    const auto at = e.source().begin;
    throw Error(fmt::format("{}:{}:{}: not TOML: {}", origin, at.line, at.column, e.description()));
  }
}

}  // namespace limen::cards
