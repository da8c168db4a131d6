// The cases that a command line names: models x machines x contexts x partitions x batches, where
// what is "auto" is searched.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "model/search.hpp"

namespace limen::cli {

struct CaseOptions {
  std::vector<std::string> models, machines, contexts = {"4k"}, batches = {"1"}, sets, networks;
  std::vector<std::string> tps = {"1"}, pps = {"1"}, eps = {"1"}, dps = {"1"};
  std::vector<std::string> drafts = {"0"};
  std::string weights = "bf16", experts, head, kv = "bf16", conventions = "exact", engine;
  std::string acceptance, draft_model = "mtp";
  std::string goal = "utps";
  double at_least = 0;  // tokens/s of a user
  bool all = false;     // of a search, not the winner alone
  bool json = false;
};

// A machine by name or file. A file says itself what its machine does; a datasheet card does not,
// and gets the laws of its kind and, if one is named, of a serving engine. Throws Error, in a line
// that begins with `option` if the name is not known.
model::Machine named_machine(const std::string& name, const std::string& engine = "",
                             const std::string& option = "--machine");

// Those of the options, with their networks and settings. Throws Error.
std::vector<model::Machine> named_machines(const CaseOptions& options);

// Words of the command line; `where` begins the error's line. Throw Error.
model::Format parse_weight_format(const std::string& word, const std::string& where);
model::Format parse_kv_format(const std::string& word, const std::string& where);
model::Conventions parse_conventions(const std::string& word);

// For --experts: Error if none of the models, named so by the user, has any.
void need_experts(const std::vector<model::Transformer>& models, const std::string& named);

// All but what is asked of the model: models, machines, partitions, batches, formats.
void add_setting_options(CLI::App& command, CaseOptions& options);
// Those and contexts, and what a search is for.
void add_case_options(CLI::App& command, CaseOptions& options);

// Throws Error on a setting that cannot be; calls f(machine, case) for each model on each machine,
// with its formats and conventions, the rest of the case left open.
void for_each_setting(const CaseOptions& options,
                      const std::function<void(const model::Machine&, const model::Case&)>& f);
// Partitions x batches.
std::vector<model::Space> spaces(const CaseOptions& options);

// Throws Error on anything that is not a case; calls f(machine, case) for each one. A search that
// finds nothing is said on stderr; Error if there is no case at all.
void for_each_case(const CaseOptions& options,
                   const std::function<void(const model::Machine&, const model::Case&)>& f);

}  // namespace limen::cli
