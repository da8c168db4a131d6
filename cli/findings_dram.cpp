// The claim that DRAM wins on energy and cost, and where it stops winning.
#include <cmath>

#include <fmt/format.h>

#include "cli/findings.hpp"
#include "report/prediction_table.hpp"

namespace limen::cli {

using namespace model;
using report::figure;

namespace {

// The cheapest way to run a model on a design, by money or by energy a token.
struct Cheapest {
  double cost = INFINITY;  // $ a million tokens, or J a token
  double utps = 0, batch = 0;
  int devices = 0;
  double capital_of_device = 0;  // $ a million tokens, the share that follows the device's price
};
Cheapest cheapest(const Bench& b, const Machine& m, const std::vector<double>& batches,
                  bool money) {
  Cheapest best;
  const bool one_user = batches.size() == 1;  // who keeps one stage at a time busy
  for (double batch : batches) {
    b.for_each_partition(m, b.model, batch, 4096, [&](const Case& c) {
      const auto p = predict(m, c);
      if (!p.fits) return;
      const double utps = b.measured ? p.utps : p.utps_ideal;
      const double stps = one_user ? utps : b.measured ? p.stps : p.stps_ideal;
      const auto r = running(m, c, p, stps);
      const auto price = r.million_tokens();
      if (money ? !price.has_value() : !r.per_token.has_value()) return;
      const double cost = money ? price->in(dollars) : r.per_token->in(joules);
      if (cost >= best.cost) return;
      best = {cost, utps, batch, r.devices, 0};
      if (money) {
        const double device = m.economics.device->value.in(dollars);
        const double system = m.economics.system ? m.economics.system->value.in(dollars) : 0;
        best.capital_of_device = device / (device + system) * r.capital->in(dollars);
      }
    });
  }
  return best;
}

}  // namespace

Finding dram_wins(const Bench& b) {
  Finding f{
      "DRAM wins on energy and cost",
      b.hardware(),
      fmt::format(
          "{}, context 4096, each design at its cheapest partition, "
          "for one user (low throughput) and at its best batch up to 256{}",
          b.model.name,
          b.measured ? "; the designs with its efficiencies, fixed times and collectives" : ""),
      {},
      "holds if the best DRAM design beats the best SRAM design by energy and by cost at low "
      "throughput, in part if by one of them",
      {},
      {}};
  struct Design {
    Machine machine;
    bool dram;
  };
  std::vector<Design> designs;
  if (b.measured) designs.push_back({b.machine, true});
  for (const auto& m : hypothetical(b, {"xpu-hbm3", "xpu-hbm4", "xpu-3d-dram"}))
    designs.push_back({m, true});
  for (const auto& m : hypothetical(b, {"xpu-sram", "xpu-cows"})) designs.push_back({m, false});
  const std::vector<double> low = {1}, any = {1, 2, 4, 8, 16, 32, 64, 128, 256};
  Cheapest best[2][2][2];  // dram, money, any batch
  for (const auto& d : designs) {
    for (bool many : {false, true}) {
      for (bool money : {false, true}) {
        const auto x = cheapest(b, d.machine, many ? any : low, money);
        if (!std::isfinite(x.cost)) continue;
        f.figures.push_back({fmt::format("{}, batch {:.0f}, {} devices, {} tokens/s a user",
                                         d.machine.name, x.batch, x.devices, figure(x.utps)),
                             x.cost, money ? "$ per million tokens" : "J a token"});
        auto& b_ = best[d.dram][money][many];
        if (x.cost < b_.cost) b_ = x;
      }
    }
  }
  auto ratio = [&](bool money, bool many) {
    return best[0][money][many].cost / best[1][money][many].cost;
  };
  f.figures.push_back({"SRAM over DRAM at batch 1: energy", ratio(false, false), "x"});
  f.figures.push_back({"SRAM over DRAM at batch 1: cost", ratio(true, false), "x"});
  f.figures.push_back({"SRAM over DRAM at the best batch: energy", ratio(false, true), "x"});
  f.figures.push_back({"SRAM over DRAM at the best batch: cost", ratio(true, true), "x"});
  f.verdict = by_share((ratio(true, false) > 1) * 0.5 + (ratio(false, false) > 1) * 0.5, 1, 0.5);
  const auto& sram = best[0][true][false];
  const auto& dram = best[1][true][false];
  const double share = (dram.cost - (sram.cost - sram.capital_of_device)) / sram.capital_of_device;
  f.flips.push_back(
      share > 0
          ? fmt::format("cost at batch 1 is even with SRAM devices at {:.2g} of their price", share)
          : "cost at batch 1 is not even with SRAM devices for nothing: their power and "
            "share of the system cost more");
  double fastest[2] = {0, 0};
  for (const auto& d : designs) {
    b.for_each_partition(d.machine, b.model, 1, 4096, [&](const Case& c) {
      const auto p = predict(d.machine, c);
      if (p.fits) fastest[d.dram] = std::fmax(fastest[d.dram], b.measured ? p.utps : p.utps_ideal);
    });
  }
  f.flips.push_back(fmt::format(
      "above {} tokens/s of a user no DRAM design is left{}", figure(fastest[1]),
      fastest[0] > fastest[1] ? fmt::format(", SRAM reaches {}", figure(fastest[0]))
                              : fmt::format("; SRAM reaches no more than {}", figure(fastest[0]))));
  return f;
}

}  // namespace limen::cli
