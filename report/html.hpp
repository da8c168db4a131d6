// report.html: one self-contained page, opened from disk, without scripts or network.
#pragma once

#include <string>
#include <vector>

#include "model/machine.hpp"
#include "report/prediction_table.hpp"
#include "results/store.hpp"

namespace limen::report {

struct Page {
  const results::Run* run;
  const model::Machine* machine;
  std::vector<PredictedCase> here;          // predictions on the machine
  std::vector<PredictedCase> hypothetical;  // and elsewhere
};

std::string html_page(const Page& page);

// One sentence: what the machine can do and what binds there.
std::string verdict(const Page& page);

// The fitted machine: key, value, interval, evidence.
struct ParameterRow {
  std::string key, value, interval, evidence, source;
};
std::vector<ParameterRow> parameter_rows(const model::Machine& machine);

}  // namespace limen::report
