// Serving frontiers as a table for a terminal, as JSON and as comma-separated values.
#pragma once

#include <string>
#include <vector>

#include "model/frontier.hpp"

namespace limen::report {

struct ServedCase {
  std::string model, machine, prefill_machine;  // empty: the same
  std::string drafted_by;                       // empty: nothing
  int devices = 1;                              // of all pools
  model::ServingQuestion question;
  std::vector<model::ServingPoint> points;
};

std::string to_table(const std::vector<ServedCase>& cases);
std::string to_json(const std::vector<ServedCase>& cases);
std::string to_csv(const std::vector<ServedCase>& cases);  // the keys of the JSON, a row a point

// "4 x tp 2 pp 2": instances and what each is.
std::string words(const model::Pool& pool);

}  // namespace limen::report
