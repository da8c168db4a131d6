// Predicted cases as a table for a terminal and as JSON for a program.
#pragma once

#include <string>
#include <vector>

#include "model/energy.hpp"

namespace limen::report {

struct PredictedCase {
  std::string model, machine;
  model::Workload workload;
  model::Partition partition;
  model::Prediction prediction;
  model::Drafts drafts{};
  std::string drafted_by{};  // the name; drafts.by may be gone
  int instances = 1;         // of this partition, on all devices of the machine; 0: it does not fit
  model::Running running{}, running_ideal{};
  std::vector<std::pair<std::string, model::Evidence>> evidence{};  // of the machine's parameters
};

// What drafts for a case: a model, "look-up", or nothing.
std::string drafted_by(const model::Case& c);

// A case as it was predicted.
PredictedCase predicted(const model::Machine& machine, const model::Case& c);

// `energy` adds what running a case takes, where its machine says it.
std::string to_table(const std::vector<PredictedCase>& cases, bool energy = false);
std::string to_json(const std::vector<PredictedCase>& cases);

// A limit's name for a reader: "memory bandwidth".
std::string words(model::Limit limit);

// A figure to three significant digits: 1,234 or 12.3 or 0.123.
std::string figure(double value);

}  // namespace limen::report
