#include "report/html.hpp"

#include <cmath>

#include <fmt/format.h>

#include "model/cards/units.hpp"
#include "report/page/built.hpp"

namespace limen::report {

using namespace model;

std::vector<ParameterRow> parameter_rows(const Machine& machine) {
  std::vector<ParameterRow> rows;
  auto add = [&](const std::string& key, const auto& p) {
    rows.push_back({key, cards::to_text(p.value, 4),
                    p.low < p.high ? fmt::format("{} to {}", cards::to_text(p.low, 4),
                                                 cards::to_text(p.high, 4))
                                   : "",
                    name(p.evidence), p.source});
  };
  for_each_parameter(machine, [&](const std::string& key, const auto& p) {
    if (p) add(key, *p);
  });
  for (const auto& piece : machine.all_reduce) {
    const std::string what =
        fmt::format("all-reduce, {} ranks, from {}", piece.ranks, cards::to_text(piece.from, 4));
    add(what + ": alpha", piece.alpha);
    add(what + ": beta", piece.beta);
  }
  for (const auto& l : machine.levels) {
    const std::string what =
        fmt::format("{}, {} threads{}", l.name, l.threads,
                    l.capacity ? ", up to " + cards::to_text(*l.capacity, 3) : "");
    add(what + ": bandwidth", l.bandwidth);
    if (l.latency) add(what + ": latency", *l.latency);
  }
  return rows;
}

std::string verdict(const Page& page) {
  const Machine& m = *page.machine;
  std::string out =
      fmt::format("{} reads memory at {}", m.name, cards::to_text(m.memory_bandwidth->value, 3));
  for (const auto& c : page.here) {
    if (!c.prediction.fits) continue;
    const auto& p = c.prediction;
    out += fmt::format(
        "; {} ({} weights, batch {:.0f}, context {:.0f}) decodes at {} tokens/s, {} of its ideal "
        "limit; {} binds",
        c.model, name(c.workload.weights), c.workload.batch, c.workload.context, figure(p.utps),
        fmt::format("{:.0f} %", 100 * p.utps / p.utps_ideal), words(p.limits.binding));
    if (std::isfinite(p.limits.factor)) {
      out += fmt::format(" and would have to be {} times better before {} does",
                         figure(p.limits.factor), words(p.limits.next));
    }
    break;
  }
  return out + ".";
}

std::string html_page(const Page& page) {
  constexpr std::string_view slot = "{{limen-data}}";
  const std::string_view built = built_page();
  const auto at = built.find(slot);
  std::string out(built.substr(0, at));
  out += page_data(page);
  return out.append(built.substr(at + slot.size()));
}

}  // namespace limen::report
