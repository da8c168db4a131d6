// limen predict: for each case the rate, its interval, the limit that binds and how far the next
// one is.
#include <memory>
#include <set>

#include <fmt/format.h>

#include "cli/cases.hpp"
#include "cli/commands.hpp"
#include "report/prediction_table.hpp"

namespace limen::cli {

namespace {

// What is known of each parameter that a prediction with these weights rests on.
std::vector<std::pair<std::string, model::Evidence>> evidence_of(const model::Machine& m,
                                                                 model::Format weights) {
  std::vector<std::pair<std::string, model::Evidence>> out;
  model::for_each_parameter(m, [&](const std::string& key, const auto& p) {
    if (p &&
        (!key.starts_with("linear.") ||
         key.starts_with(std::string("linear.") + model::name(model::facts(weights).family) + ".")))
      out.emplace_back(key, p->evidence);
  });
  model::for_each_collective(m, [&](const std::string& key, const auto& pieces) {
    if (!pieces.empty()) out.emplace_back(key, pieces.front().alpha.evidence);
  });
  return out;
}

// "  pooled     linear.bf16.efficiency, ...", a line for each kind of evidence.
std::string text_of(const std::vector<report::PredictedCase>& cases) {
  std::string out;
  std::set<std::string> said;
  for (const auto& c : cases) {
    if (!said.insert(c.machine).second) continue;
    out += fmt::format("what is known of {}:\n", c.machine);
    for (model::Evidence e : model::evidences) {
      std::string keys;
      for (const auto& [key, evidence] : c.evidence)
        if (evidence == e) keys += (keys.empty() ? "" : ", ") + key;
      if (!keys.empty()) out += fmt::format("  {:<12} {}\n", model::name(e), keys);
    }
  }
  return out;
}

}  // namespace

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
      cases.back().evidence = evidence_of(m, c.workload.weights);
    });
    fmt::print(
        "{}", o->json ? report::to_json(cases) : report::to_table(cases, *energy) + text_of(cases));
  });
}

}  // namespace limen::cli
