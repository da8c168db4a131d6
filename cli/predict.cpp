// limen predict: for each case the rate, its interval, the limit that binds and how far the next
// one is.
#include <memory>

#include <fmt/format.h>

#include "cli/cases.hpp"
#include "cli/commands.hpp"
#include "report/prediction_table.hpp"

namespace limen::cli {

void add_predict(CLI::App& app, Exit&) {
  auto o = std::make_shared<CaseOptions>();
  auto energy = std::make_shared<bool>(false);
  auto* sub = app.add_subcommand(
      "predict", "Predict decoding: which limit binds, by how much, with intervals");
  add_case_options(*sub, *o);
  sub->add_flag("--energy", *energy,
                "Add power, energy a token and money a token, where the machine names its own");
  sub->callback([o, energy] {
    std::vector<report::PredictedCase> cases;
    for_each_case(*o, [&](const model::Machine& m, const model::Case& c) {
      cases.push_back(report::predicted(m, c));
    });
    fmt::print("{}", o->json ? report::to_json(cases) : report::to_table(cases, *energy));
  });
}

}  // namespace limen::cli
