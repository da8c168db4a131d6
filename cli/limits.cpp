// limen limits: what each resource buys for one model on one machine, and what a target would take.
#include <cmath>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/cases.hpp"
#include "model/cards/units.hpp"
#include "model/sensitivity.hpp"
#include "report/json_number.hpp"
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
                                {"compute and synchronization", {1, unlimited, unlimited}},
                                {"capacity", {1, 1, 1, unlimited}},
                                {"capacity and bandwidth", {unlimited, 1, 1, unlimited}},
                                {"capacity and compute", {1, unlimited, 1, unlimited}},
                                {"capacity and synchronization", {1, 1, unlimited, unlimited}}};

// What can be better by a common factor to reach a target.
struct Together {
  const char* name;
  bool memory, compute, sync;
};
constexpr Together togethers[] = {{"bandwidth", true, false, false},
                                  {"compute", false, true, false},
                                  {"synchronization", false, false, true},
                                  {"bandwidth and compute", true, true, false},
                                  {"bandwidth and synchronization", true, false, true},
                                  {"compute and synchronization", false, true, true},
                                  {"all three", true, true, true}};
constexpr double targets[] = {1000, 2000, 10000};

using report::number;

nlohmann::ordered_json analysis(const Machine& m, const Case& c) {
  const Prediction p = predict(m, c);
  if (!std::isfinite(p.step.total.in(seconds)))
    throw Error(fmt::format("{} on {}: a step takes longer than a number can hold",
                            c.transformer->name, m.name));
  const Elasticities e = elasticities(m, c);
  const Reach reach(m, c);
  nlohmann::ordered_json out{{"model", c.transformer->name},
                             {"machine", m.name},
                             {"tp", c.partition.tp},
                             {"pp", c.partition.pp},
                             {"ep", c.partition.ep},
                             {"dp", c.partition.dp},
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
                             {"compute_known", p.compute_known},
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
  auto both = [](auto&& f) {
    return nlohmann::ordered_json{{"calibrated", number(f(false))}, {"ideal", number(f(true))}};
  };
  for (const auto& s : sensitivities(m, c)) {
    out["parameters"][s.key] = {
        {"elasticity",
         {{"calibrated", number(s.elasticity)}, {"ideal", number(s.elasticity_ideal)}}},
        {"knee", {{"calibrated", number(s.knee)}, {"ideal", number(s.knee_ideal)}}}};
  }
  // The workload: where a step takes twice as long as with a batch of 1, or next to no context.
  for (const auto& [name, value, least] :
       {std::tuple{"batch", &Workload::batch, 1.0}, {"context", &Workload::context, 1.0}}) {
    out["step_doubles_at"][name] = both([&, value = value, least = least](bool is_ideal) {
      auto rate = [&](double x) {
        Case moved = c;
        moved.workload.*value = x;
        const Reach there(m, moved);
        return is_ideal ? there.utps_ideal({}) : there.utps({});
      };
      const double half = rate(least) / 2;
      return factor_for(1 / half, [&](double x) { return 1 / rate(x); });
    });
  }
  const std::pair<const char*, double Better::*> resources[] = {{"bandwidth", &Better::memory},
                                                                {"compute", &Better::compute},
                                                                {"synchronization", &Better::sync}};
  for (const auto& [name, which] : resources) {
    out["knee"][name] = {{"calibrated", number(knee(which, calibrated))},
                         {"ideal", number(knee(which, ideal))}};
  }
  auto smaller = [&](double factor) {
    Reach less = reach;
    shrink_model(less.demanded, factor);
    return less;
  };
  auto shorter = [&](double factor) {
    Case moved = c;
    moved.workload.context = std::fmax(1, c.workload.context / factor);
    return Reach(m, moved);
  };
  auto exchanges_of = [](const Demand& d) {
    double count = 0;
    for (int i = 0; i < d.exchange_count; ++i) count += d.exchanges[std::size_t(i)].count;
    return count;
  };
  const double exchanges = exchanges_of(reach.demanded.model) +
                           reach.demanded.drafts * exchanges_of(reach.demanded.draft);
  out["exchanges"] = exchanges;
  for (double target : targets) {
    const std::string goal = fmt::format("{:.0f}", target);
    for (const auto& t : togethers) {
      out["factor_for"][goal][t.name] = both([&](bool is_ideal) {
        return factor_for(target, [&](double f) {
          const Better b{t.memory ? f : 1, t.compute ? f : 1, t.sync ? f : 1};
          return is_ideal ? ideal(b) : calibrated(b);
        });
      });
    }
    auto& other = out["otherwise_for"][goal];
    auto solve = [&](auto&& changed) {
      return both([&](bool is_ideal) {
        return factor_for(target, [&](double f) {
          const Reach there = changed(f);
          return is_ideal ? there.utps_ideal({}) : there.utps({});
        });
      });
    };
    other["a model smaller by"] = solve(smaller);
    other["a context shorter by"] = solve(shorter);
    other["tokens a step, of speculation that costs nothing"] = both(
        [&](bool is_ideal) { return std::fmax(1, target / (is_ideal ? p.utps_ideal : p.utps)); });
    // With all else unlimited, what the exchanges one after another may take.
    other["an exchange takes, all else unlimited, at most"] =
        exchanges > 0 ? number(1 / target / exchanges) : nullptr;
  }
  return out;
}

std::string factor_text(const nlohmann::ordered_json& v) {
  return v.is_null() ? "never" : v == 0 ? "none" : fmt::format("{}x", figure(v.get<double>()));
}

std::string text(const nlohmann::ordered_json& a) {
  std::string out = fmt::format(
      "{} on {}, tp {}, pp {}, ep {}, dp {}, batch {:.0f}, context {:.0f}{}: {} tokens/s a user, "
      "ideal {}{}\n",
      a["model"].get<std::string>(), a["machine"].get<std::string>(), a["tp"].get<int>(),
      a["pp"].get<int>(), a["ep"].get<int>(), a["dp"].get<int>(), a["batch"].get<double>(),
      a["context"].get<double>(),
      a["draft"] == 0 ? ""
                      : fmt::format(", {} drafts: {} tokens a step", a["draft"].get<int>(),
                                    figure(a["tokens_per_step"].get<double>())),
      figure(a["utps"].get<double>()), figure(a["utps_ideal"].get<double>()),
      a["fits"].get<bool>() ? "" : "\n  does not fit: " + a["reason"].get<std::string>());
  if (!a["compute_known"].get<bool>())
    out += "  the machine names no matrix peak: compute is left out, and a limit may be lower\n";
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
  out += fmt::format("\n  {:<44} {:>12} {:>12} {:>9} {:>9}\n",
                     "the same of each parameter, and its knee", "calibrated", "ideal", "knee",
                     "(ideal)");
  for (const auto& [name, v] : a["parameters"].items()) {
    out += fmt::format("  {:<44} {:>12.3f} {:>12.3f} {:>9} {:>9}\n", name,
                       v["elasticity"]["calibrated"].get<double>(),
                       v["elasticity"]["ideal"].get<double>(), factor_text(v["knee"]["calibrated"]),
                       factor_text(v["knee"]["ideal"]));
  }
  out += fmt::format("\n  {:<44} {:>12} {:>12}\n",
                     "better by this factor, half of the step is other", "calibrated", "ideal");
  for (const auto& [name, v] : a["knee"].items()) {
    out += fmt::format("  {:<44} {:>12} {:>12}\n", name, factor_text(v["calibrated"]),
                       factor_text(v["ideal"]));
  }
  out += fmt::format("\n  {:<44} {:>12} {:>12}\n", "a step takes twice its least at a",
                     "calibrated", "ideal");
  for (const auto& [name, v] : a["step_doubles_at"].items())
    out += fmt::format("  {:<44} {}\n", name, both(v));
  for (const auto& [target, resources] : a["factor_for"].items()) {
    out += fmt::format("\n  {:<44} {:>12} {:>12}\n",
                       "for " + target + " tokens/s a user, better by", "calibrated", "ideal");
    bool possible = false;
    for (const auto& [name, v] : resources.items()) {
      out += fmt::format("  {:<44} {:>12} {:>12}\n", name, factor_text(v["calibrated"]),
                         factor_text(v["ideal"]));
      if (name.find(" and ") == std::string::npos && name != "all three")
        possible = possible || !v["ideal"].is_null();
    }
    if (!possible)
      out +=
          "  no single resource gets there: it takes several at once, or a smaller model, a "
          "shorter "
          "context or another algorithm\n";
    for (const auto& [name, v] : a["otherwise_for"][target].items()) {
      if (v.is_null()) continue;
      if (v.is_number()) {
        out += fmt::format("  {:<52} {}\n", name, cards::to_text(seconds(v.get<double>()), 3));
      } else {
        out += fmt::format("  {:<52} {:>12} {:>12}\n", name, factor_text(v["calibrated"]),
                           factor_text(v["ideal"]));
      }
    }
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
