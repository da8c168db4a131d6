// limen findings: the claims of the talk and of the paper, computed, with what would turn them.
#include "cli/findings.hpp"

#include <cmath>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "report/json_number.hpp"
#include "report/prediction_table.hpp"

namespace limen::cli {

using namespace model;

double Bench::utps(const Machine& m, const Case& c) const {
  const auto p = predict(m, c);
  return !p.fits ? 0 : measured ? p.utps : p.utps_ideal;
}

std::vector<int> Bench::degrees(const Machine& m) const {
  if (!measured && m.devices >= 128) return {8, 16, 32, 64, 128};
  std::vector<int> out;
  for (int tp = 1; tp <= m.devices * m.ranks_per_device; tp *= 2) out.push_back(tp);
  return out;
}

std::pair<double, Case> Bench::best(const Machine& m, const Transformer& t, double context) const {
  std::pair<double, Case> best{0, {}};
  for_each_partition(m, t, 1, context, [&](const Case& c) {
    const double rate = utps(m, c);
    if (rate > best.first) best = {rate, c};
  });
  return best;
}

std::string Bench::hardware() const {
  return measured ? fmt::format("{}, measured efficiencies, weights {}", machine.name, name(format))
                  : "ideal hardware, weights fp8";
}

Bench ideal_bench() {
  Bench b;
  b.machine = cards::find_machine("xpu-hbm3");
  b.model = cards::find_model("llama-3.1-405b");
  return b;
}

Bench measured_bench(const Machine& machine) {
  Bench b;
  b.measured = true;
  b.machine = machine;
  // The smallest weights for which the machine has a law; without any, 8 bits.
  for (Format f : formats) {
    const auto& law = machine.law(f);
    if (law.efficiency || law.rate || law.unpack) b.format = f;
  }
  for (const char* name : {"llama-3.1-405b", "llama-3.1-70b", "llama-3.1-8b", "llama-3.2-1b"}) {
    b.model = cards::find_model(name);
    if (b.best(machine, b.model, 4096).first > 0) return b;
  }
  throw Error(fmt::format("--machine {}: not even llama-3.2-1b fits on it", machine.name));
}

std::string times(double factor) {
  return std::isfinite(factor) ? report::figure(factor) + "x" : "no factor";
}

std::vector<Machine> hypothetical(const Bench& b, std::initializer_list<const char*> names) {
  std::vector<Machine> out;
  for (const char* name : names) {
    Machine design = cards::find_machine(name);
    if (b.measured) {
      for (std::size_t i = 0; i < formats.size(); ++i) {
        design.linear[i].efficiency = b.machine.linear[i].efficiency;
        design.linear[i].fixed = b.machine.linear[i].fixed;
      }
      design.memory_efficiency = b.machine.memory_efficiency;
      cards::connect(design, b.machine);
      design.name += " as " + b.machine.name;
    }
    out.push_back(design);
  }
  return out;
}

namespace {

const char* word(Verdict v) {
  switch (v) {
    case Verdict::holds:
      return "holds";
    case Verdict::in_part:
      return "holds in part";
    case Verdict::fails:
      return "fails";
    case Verdict::unknown:
      return "not known";
  }
  return "";
}

nlohmann::ordered_json json_of(const Finding& f) {
  auto figures = nlohmann::ordered_json::array();
  for (const auto& x : f.figures) {
    figures.push_back({{"what", x.what}, {"value", report::number(x.value)}, {"unit", x.unit}});
  }
  return {{"claim", f.claim},   {"hardware", f.hardware}, {"experiment", f.experiment},
          {"figures", figures}, {"rule", f.rule},         {"verdict", word(f.verdict)},
          {"flips", f.flips}};
}

void print(const Finding& f, int number) {
  fmt::print("{}. {}: {}\n   on {}\n   {}\n", number, f.claim, word(f.verdict), f.hardware,
             f.experiment);
  for (const auto& x : f.figures)
    fmt::print("     {:<66} {:>9} {}\n", x.what, report::figure(x.value), x.unit);
  fmt::print("   {}\n", f.rule);
  for (const auto& flip : f.flips) fmt::print("   flips: {}\n", flip);
  fmt::print("\n");
}

}  // namespace

void add_findings(CLI::App& app, Exit&) {
  struct Options {
    std::string machine;
    bool json = false;
  };
  auto o = std::make_shared<Options>();
  auto* sub = app.add_subcommand(
      "findings", "What limits decoding: the published claims, computed, and what would turn them");
  sub->add_option("--machine", o->machine,
                  "Also on the measured efficiencies of this machine, by name or machine.toml");
  sub->add_flag("--json", o->json, "An array of objects on stdout");
  sub->callback([o] {
    std::vector<Bench> benches = {ideal_bench()};
    if (!o->machine.empty()) benches.push_back(measured_bench(cards::find_machine(o->machine)));
    auto all = nlohmann::ordered_json::array();
    int number = 0;
    for (const auto& b : benches) {
      for (const auto& list : {talk_findings(b), paper_findings(b)}) {
        for (const auto& f : list) {
          all.push_back(json_of(f));
          if (!o->json) print(f, ++number);
        }
      }
    }
    if (o->json) fmt::print("{}\n", all.dump(2));
  });
}

}  // namespace limen::cli
