// The cases that a command line names: models x machines x contexts x partitions x batches.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "model/prediction.hpp"

namespace limen::cli {

struct CaseOptions {
  std::vector<std::string> models, machines, contexts = {"4k"}, batches = {"1"}, sets;
  std::vector<std::string> tps = {"1"}, pps = {"1"}, eps = {"1"}, dps = {"1"};
  std::vector<std::string> drafts = {"0"};
  std::string weights = "bf16", experts, head, kv = "bf16", conventions = "exact";
  std::string acceptance, draft_model = "mtp";
  bool json = false;
};

void add_case_options(CLI::App& command, CaseOptions& options);

// Throws Error on anything that is not a case; calls f(machine, case) for each one.
void for_each_case(const CaseOptions& options,
                   const std::function<void(const model::Machine&, const model::Case&)>& f);

}  // namespace limen::cli
