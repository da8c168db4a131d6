#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "model/cards/machine_card.hpp"
#include "model/cards/units.hpp"

namespace limen::cards {
namespace {

using namespace model;

std::string quoted(const std::string& s) {
  std::ostringstream out;
  out << toml::value<std::string>(s);
  return out.str();
}

template <class P>
std::string table_of(const P& p) {
  const std::string interval =
      p.low < p.high ? fmt::format(", low = \"{}\", high = \"{}\"", to_text(p.low), to_text(p.high))
                     : "";
  return fmt::format("{{ value = \"{}\"{}, evidence = \"{}\", source = {} }}", to_text(p.value),
                     interval, name(p.evidence), quoted(p.source));
}

}  // namespace

std::string write_machine(const model::Machine& m) {
  std::string out = fmt::format("schema = {}\nname = {}\n", machine_schema, quoted(m.name));
  if (!m.description.empty()) out += fmt::format("description = {}\n", quoted(m.description));
  out += fmt::format("devices = {}\nranks_per_device = {}\n", m.devices, m.ranks_per_device);
  if (m.devices_per_node > 0) out += fmt::format("devices_per_node = {}\n", m.devices_per_node);
  if (!m.unidentified.empty()) {
    out += "unidentified = [\n";
    for (const auto& w : m.unidentified) out += fmt::format("  {},\n", quoted(w));
    out += "]\n";
  }
  if (m.engine_scatter > 0) out += fmt::format("engine_scatter = {:.6g}\n", m.engine_scatter);
  std::string section;
  auto enter = [&](const std::string& key) {
    const auto dot = key.rfind('.');
    if (key.substr(0, dot) != section) {
      section = key.substr(0, dot);
      out += fmt::format("\n[{}]\n", section);
    }
    return key.substr(dot + 1);
  };
  for_each_parameter(m, [&](const std::string& key, const auto& p) {
    if (p) {
      const std::string last = enter(key);
      out += fmt::format("{} = {}\n", last, table_of(*p));
    }
    for_each_law(m, [&](const std::string& prefix, const auto& law) {
      if (key == prefix + ".overlap" && law.scatter > 0) {  // closes its section
        const std::string last = enter(prefix + ".scatter");
        out += fmt::format("{} = {:.6g}\n", last, law.scatter);
      }
    });
  });
  for_each_collective(m, [&](const std::string& name, const auto& pieces) {
    for (const auto& p : pieces) {
      out += fmt::format("\n[[{}]]\nranks = {}\nfrom = \"{}\"\nalpha = {}\nbeta = {}\n", name,
                         p.ranks, to_text(p.from), table_of(p.alpha), table_of(p.beta));
      if (p.scatter > 0) out += fmt::format("scatter = {:.6g}\n", p.scatter);
    }
  });
  for (const auto& l : m.levels) {
    out += fmt::format("\n[[memory.level]]\nname = {}\nthreads = {}\n", quoted(l.name), l.threads);
    if (l.capacity) out += fmt::format("capacity = \"{}\"\n", to_text(*l.capacity));
    out += fmt::format("bandwidth = {}\n", table_of(l.bandwidth));
    if (l.fixed) out += fmt::format("fixed = {}\n", table_of(*l.fixed));
    if (l.latency) out += fmt::format("latency = {}\n", table_of(*l.latency));
  }
  return out;
}

}  // namespace limen::cards
