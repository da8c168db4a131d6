// Where a run goes that is about to be measured.
#pragma once

#include <string>

#include <fmt/format.h>

#include "results/store.hpp"

namespace limen::cli {

// The folder that was asked for, which must be new; else one below runs/, named by time and host,
// that no other process gets.
inline results::RunWriter new_run(const std::string& asked, const results::Provenance& provenance) {
  if (!asked.empty()) return results::RunWriter::create(asked, provenance);
  return results::RunWriter::create_in(
      "runs", fmt::format("{}-{}", provenance.started, provenance.host), provenance);
}

}  // namespace limen::cli
