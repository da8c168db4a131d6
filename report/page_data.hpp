// What the report page shows and computes with, as one JSON text that markup cannot break out of.
#pragma once

#include <string>
#include <vector>

#include "model/machine.hpp"
#include "report/prediction_table.hpp"
#include "results/store.hpp"

namespace limen::report {

// A prediction beside a measurement, both in one unit ("s" or "tokens/s") for all of a table.
struct Compared {
  std::string series, label, unit;
  double measured, predicted, predicted_low, predicted_high;  // 90 %
};

// A figure of a node of a fleet: `score` says by how many robust standard deviations it is better
// than the median of all.
struct FleetCell {
  std::string host, figure, text;
  double score;
};

// Everything may be left out: a page without a run compares the machines that are built in.
struct Page {
  std::vector<const results::Run*> runs;
  const model::Machine* machine = nullptr;       // calibrated from the runs
  std::vector<model::Machine> others = {};       // that the page offers first, beside the cards
  std::vector<PredictedCase> here = {};          // predictions on the machine
  std::vector<PredictedCase> hypothetical = {};  // and elsewhere
  std::vector<std::pair<std::string, std::vector<Compared>>> compared = {};  // with a heading each
  std::vector<FleetCell> fleet = {};
};

// Characters that could end the block are escaped; ASCII only.
std::string page_data(const Page& page);

}  // namespace limen::report
