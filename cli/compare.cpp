// limen compare: two runs, measurement by measurement.
#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/text_table.hpp"
#include "results/statistics.hpp"
#include "results/store.hpp"
#include "results/text.hpp"

namespace limen::cli {

namespace {

using namespace results;

struct Pair {
  const Measurement* a;
  double median_a, median_b;
  Comparison comparison;
  double holm_p = 1;
};

std::vector<Pair> pairs_of(const Run& a, const Run& b) {
  std::map<std::pair<std::string, Parameters>, const Samples*> in_b;
  for (const Measurement& m : b.measurements)
    if (const auto* samples = std::get_if<Samples>(&m.outcome))
      in_b[{m.probe, m.parameters}] = samples;
  std::vector<Pair> pairs;
  std::vector<double> p;
  for (const Measurement& m : a.measurements) {
    const auto* samples = std::get_if<Samples>(&m.outcome);
    const auto other = in_b.find({m.probe, m.parameters});
    if (!samples || other == in_b.end()) continue;
    if (samples->visits.empty() || other->second->visits.empty()) continue;
    pairs.push_back({&m, summarize(*samples).median, summarize(*other->second).median,
                     results::compare(*samples, *other->second)});
    p.push_back(pairs.back().comparison.p);
  }
  const std::vector<double> adjusted = holm(p);
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i].holm_p = adjusted[i];
  return pairs;
}

// The interval and the test both have to say so.
std::string verdict(const Pair& pair) {
  const Interval& i = pair.comparison.ratio_interval;
  if (pair.holm_p >= 0.05 || (i.low <= 1 && 1 <= i.high)) return "";
  return pair.comparison.ratio < 1 ? "faster" : "slower";
}

std::string table_of(const std::vector<Pair>& pairs) {
  TextTable table(
      {"probe", "parameters", ">A", ">B", ">B/A", ">95 % interval", ">p", ">p (Holm)", "B is"});
  for (const Pair& x : pairs) {
    const Comparison& c = x.comparison;
    table.add(
        {x.a->probe, describe(x.a->parameters), time_text(x.median_a), time_text(x.median_b),
         fmt::format("{:.3f}", c.ratio),
         interval_text(c.ratio_interval, [](double end) { return fmt::format("{:.3f}", end); }),
         fmt::format("{:.2g}", c.p), fmt::format("{:.2g}", x.holm_p), verdict(x)});
  }
  return table.text();
}

nlohmann::json json_of(const std::vector<Pair>& pairs) {
  nlohmann::json all = nlohmann::json::array();
  for (const Pair& x : pairs) {
    nlohmann::json parameters = nlohmann::json::object();
    for (const auto& [key, value] : x.a->parameters)
      std::visit([&parameters, &name = key](const auto& v) { parameters[name] = v; }, value);
    const Comparison& c = x.comparison;
    all.push_back(
        {{"probe", x.a->probe},
         {"parameters", parameters},
         {"median_a_s", x.median_a},
         {"median_b_s", x.median_b},
         {"ratio", c.ratio},
         {"ratio_interval", c.ratio_interval.known()
                                ? nlohmann::json{c.ratio_interval.low, c.ratio_interval.high}
                                : nlohmann::json()},
         {"p", c.p},
         {"p_holm", x.holm_p},
         {"verdict", verdict(x)}});
  }
  return all;
}

Exit compare_runs(const std::string& a, const std::string& b, bool json) {
  const Run run_a = load_run(a), run_b = load_run(b);
  for (const Run* run : {&run_a, &run_b})
    for (const std::string& warning : run->warnings) fmt::print(stderr, "limen: {}\n", warning);
  if (run_a.provenance.host != run_b.provenance.host)
    fmt::print(stderr, "limen: the runs come from different hosts: {} and {}\n",
               run_a.provenance.host, run_b.provenance.host);
  const std::vector<Pair> pairs = pairs_of(run_a, run_b);
  if (pairs.empty())
    throw Error(fmt::format("{} and {} have no measurement in common", a, b), Exit::nothing_to_run);
  const auto measured = [](const Run& run) {
    return std::count_if(run.measurements.begin(), run.measurements.end(), [](const auto& m) {
      const auto* samples = std::get_if<Samples>(&m.outcome);
      return samples && !samples->visits.empty();
    });
  };
  const auto only = [&](const Run& run) { return measured(run) - static_cast<long>(pairs.size()); };
  if (only(run_a) + only(run_b) > 0)
    fmt::print(stderr, "limen: {} cases were measured in {} alone and {} in {} alone: left out\n",
               only(run_a), a, only(run_b), b);
  if (json) {
    fmt::print("{}\n",
               json_of(pairs).dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("{}", table_of(pairs));
  }
  return Exit::ok;
}

}  // namespace

void add_compare(CLI::App& app, Exit& code) {
  struct Options {
    std::string a, b;
    bool json = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("compare", "Compare two runs, measurement by measurement");
  command->add_option("A", o->a, "The folder of a run")->required();
  command->add_option("B", o->b, "The folder of another run")->required();
  command->add_flag("--json", o->json, "As JSON");
  command->callback([o, &code] { code = compare_runs(o->a, o->b, o->json); });
}

}  // namespace limen::cli
