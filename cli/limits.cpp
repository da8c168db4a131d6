// limen limits: what each resource buys for one model on one machine, and what a target would take.
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/cases.hpp"
#include "model/limits.hpp"
#include "report/prediction_table.hpp"

namespace limen::cli {
namespace {

using namespace model;
using report::figure;

constexpr double unlimited = std::numeric_limits<double>::infinity();

struct Without {
  const char* name;
  Better better;
};
constexpr Without withouts[] = {{"bandwidth", {unlimited, 1, 1}},
                                {"compute", {1, unlimited, 1}},
                                {"synchronization", {1, 1, unlimited}},
                                {"bandwidth and compute", {unlimited, unlimited, 1}},
                                {"bandwidth and synchronization", {unlimited, 1, unlimited}},
                                {"compute and synchronization", {1, unlimited, unlimited}}};
constexpr double targets[] = {1000, 2000, 10000};

nlohmann::ordered_json number(double v) {
  return std::isfinite(v) ? nlohmann::ordered_json(v) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json analysis(const Machine& m, const Case& c) {
  const Prediction p = predict(m, c);
  const Elasticities e = elasticities(m, c);
  const Reach reach(m, c);
  nlohmann::ordered_json out{{"model", c.transformer->name},
                             {"machine", m.name},
                             {"tp", c.partition.tp},
                             {"pp", c.partition.pp},
                             {"batch", c.workload.batch},
                             {"context", c.workload.context},
                             {"weights", name(c.workload.weights)},
                             {"experts", name(c.workload.experts)},
                             {"head", name(c.workload.head)},
                             {"kv", name(c.workload.kv)},
                             {"draft", c.drafts.tokens},
                             {"acceptance", c.drafts.acceptance},
                             {"tokens_per_step", p.tokens_per_step},
                             {"fits", p.fits},
                             {"reason", p.why_not},
                             {"utps", number(p.utps)},
                             {"utps_ideal", number(p.utps_ideal)},
                             {"largest_batch", number(p.largest_batch)}};
  for (std::size_t i = 0; i < lever_count; ++i) {
    out["elasticity"][name(Lever(i))] = {{"calibrated", e.calibrated[i]}, {"ideal", e.ideal[i]}};
  }
  for (const auto& w : withouts) {
    out["without"][w.name] = {{"calibrated", number(reach.utps(w.better))},
                              {"ideal", number(reach.utps_ideal(w.better))}};
  }
  auto calibrated = [&](Better b) { return reach.utps(b); };
  auto ideal = [&](Better b) { return reach.utps_ideal(b); };
  const std::pair<const char*, double Better::*> resources[] = {{"bandwidth", &Better::memory},
                                                                {"compute", &Better::compute},
                                                                {"synchronization", &Better::sync}};
  for (const auto& [name, which] : resources) {
    out["knee"][name] = {{"calibrated", number(knee(which, calibrated))},
                         {"ideal", number(knee(which, ideal))}};
    for (double target : targets) {
      out["factor_for"][fmt::format("{:.0f}", target)][name] = {
          {"calibrated", number(factor_for(which, target, calibrated))},
          {"ideal", number(factor_for(which, target, ideal))}};
    }
  }
  return out;
}

std::string factor_text(const nlohmann::ordered_json& v) {
  return v.is_null() ? "never" : fmt::format("{}x", figure(v.get<double>()));
}

std::string text(const nlohmann::ordered_json& a) {
  std::string out = fmt::format(
      "{} on {}, tp {}, pp {}, batch {:.0f}, context {:.0f}{}: {} tokens/s a user, ideal {}{}\n",
      a["model"].get<std::string>(), a["machine"].get<std::string>(), a["tp"].get<int>(),
      a["pp"].get<int>(), a["batch"].get<double>(), a["context"].get<double>(),
      a["draft"] == 0 ? ""
                      : fmt::format(", {} drafts: {} tokens a step", a["draft"].get<int>(),
                                    figure(a["tokens_per_step"].get<double>())),
      figure(a["utps"].get<double>()), figure(a["utps_ideal"].get<double>()),
      a["fits"].get<bool>() ? "" : "\n  does not fit: " + a["reason"].get<std::string>());
  auto both = [](const nlohmann::ordered_json& v) {
    auto one = [](const nlohmann::ordered_json& x) {
      return x.is_null() ? std::string("unbounded") : figure(x.get<double>());
    };
    return fmt::format("{:>12} {:>12}", one(v["calibrated"]), one(v["ideal"]));
  };
  out += fmt::format("\n  {:<44} {:>12} {:>12}\n", "if only these were unlimited: tokens/s a user",
                     "calibrated", "ideal");
  for (const auto& [name, v] : a["without"].items())
    out += fmt::format("  {:<44} {}\n", name, both(v));
  out += fmt::format("\n  {:<44} {:>12} {:>12}\n", "elasticity: 1 % more buys so many %",
                     "calibrated", "ideal");
  for (const auto& [name, v] : a["elasticity"].items()) {
    out += fmt::format("  {:<44} {:>12.3f} {:>12.3f}\n", name, v["calibrated"].get<double>(),
                       v["ideal"].get<double>());
  }
  out += fmt::format("\n  {:<44} {:>12} {:>12}\n",
                     "better by this factor, half of the step is other", "calibrated", "ideal");
  for (const auto& [name, v] : a["knee"].items()) {
    out += fmt::format("  {:<44} {:>12} {:>12}\n", name, factor_text(v["calibrated"]),
                       factor_text(v["ideal"]));
  }
  for (const auto& [target, resources] : a["factor_for"].items()) {
    out += fmt::format("\n  {:<44} {:>12} {:>12}\n",
                       "for " + target + " tokens/s a user, one alone better by", "calibrated",
                       "ideal");
    bool possible = false;
    for (const auto& [name, v] : resources.items()) {
      out += fmt::format("  {:<44} {:>12} {:>12}\n", name, factor_text(v["calibrated"]),
                         factor_text(v["ideal"]));
      possible = possible || !v["ideal"].is_null();
    }
    if (!possible)
      out +=
          "  no single resource gets there: only a smaller model, a shorter context or another "
          "algorithm\n";
  }
  return out;
}

}  // namespace

void add_limits(CLI::App& app, Exit&) {
  auto o = std::make_shared<CaseOptions>();
  auto* sub = app.add_subcommand(
      "limits", "What each resource buys, and what 1,000 to 10,000 tokens/s would take");
  add_case_options(*sub, *o);
  sub->callback([o] {
    auto all = nlohmann::ordered_json::array();
    for_each_case(*o, [&](const Machine& m, const Case& c) { all.push_back(analysis(m, c)); });
    if (o->json) {
      fmt::print("{}\n", all.dump(2));
      return;
    }
    for (std::size_t i = 0; i < all.size(); ++i) fmt::print("{}{}", i ? "\n" : "", text(all[i]));
  });
}

}  // namespace limen::cli
