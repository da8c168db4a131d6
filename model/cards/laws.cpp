#include "model/cards/laws.hpp"

#include <algorithm>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "model/cards/device.hpp"
#include "model/cards/embedded.hpp"
#include "model/cards/parse_toml.hpp"
#include "model/cards/suggest.hpp"
#include "model/cards/units.hpp"
#include "model/error.hpp"

namespace limen::cards {

using namespace model;

namespace {

std::string quoted(const std::string& s) {
  std::ostringstream out;
  out << toml::value<std::string>(s);
  return out.str();
}

std::string text_of(const std::string& parameter, double v) {
  return is_time(parameter) ? to_text(seconds(v), 4) : fmt::format("{:.4g}", v);
}

double number_of(const std::string& parameter, const toml::table& t, const char* key,
                 const std::string& origin) {
  const toml::node* node = t.get(key);
  const auto at = (node ? node->source() : t.source()).begin;
  const std::string where =
      fmt::format("{}:{}:{}: {}.{}", origin, at.line, at.column, parameter, key);
  const auto text = node ? node->value<std::string>() : std::nullopt;
  if (!text) throw Error(where + ": must be text with its unit, in quotes");
  return is_time(parameter) ? parse<Seconds>(*text, where).in(seconds)
                            : double(parse<Quantity<Scalar>>(*text, where));
}

}  // namespace

bool is_time(std::string_view p) {
  for (std::string_view time : {"fixed", "launch", "serial", "alpha", "base", "hop", "host",
                                "layer", "step", "sequence", "request", "experts"})
    if (p == time) return true;
  return false;
}

bool Law::has(std::string_view parameter) const {
  return std::any_of(parameters.begin(), parameters.end(),
                     [&](const auto& p) { return p.first == parameter; });
}

const LawValue& Law::of(std::string_view parameter) const {
  for (const auto& [name, value] : parameters)
    if (name == parameter) return value;
  throw Error(
      fmt::format("the law of {} {} has no '{}'; regenerate it with limen calibrate --published",
                  kind, variant, parameter));
}

const Law* Laws::find(std::string_view kind, std::string_view variant, std::string_view device,
                      const std::vector<std::string>& groups) const {
  const Law* best = nullptr;
  std::size_t rank = groups.size() + 1;
  for (const Law& l : all) {
    if (l.kind != kind || l.variant != variant) continue;
    if (!device.empty() && l.device == device) return &l;
    if (!l.pooled()) continue;
    const auto at =
        static_cast<std::size_t>(std::find(groups.begin(), groups.end(), l.group) - groups.begin());
    if ((at < groups.size() || l.group == "all") && at < rank) {
      best = &l;
      rank = at;
    }
  }
  return best;
}

std::vector<std::string> relatives(const Device& device, const Machine& card,
                                   std::string_view kind) {
  const std::string links(link_group(card)), own(generation(device));
  if (kind == "all_reduce") return {own + " " + links, links};
  return {own, std::string(device.group)};
}

Laws read_laws(std::string_view text, const std::string& origin) {
  const toml::table root = parse_toml(text, origin);
  if (root["schema"].value_or(0) != 1)
    throw Error(origin + ": 'schema' is not 1; is this a file of laws that this limen writes?");
  Laws laws;
  const toml::array* list = root["law"].as_array();
  if (!list || !list->is_homogeneous<toml::table>()) throw Error(origin + ": no [[law]] tables");
  for (const auto& node : *list) {
    const toml::table& t = *node.as_table();
    Law law;
    for (auto&& [k, v] : t) {
      const std::string key(k.str());
      const auto at = v.source().begin;
      if (const toml::table* p = v.as_table()) {
        LawValue value{number_of(key, *p, "value", origin), number_of(key, *p, "low", origin),
                       number_of(key, *p, "high", origin)};
        if (!(value.low <= value.value && value.value <= value.high))
          throw Error(fmt::format("{}:{}:{}: {}: low <= value <= high must hold", origin, at.line,
                                  at.column, key));
        law.parameters.emplace_back(key, value);
      } else if (key == "scatter") {
        law.scatter = v.value_or(0.0);
      } else if (key == "points") {
        law.points = static_cast<int>(v.value_or(std::int64_t{0}));
      } else {
        std::string* word = key == "kind"      ? &law.kind
                            : key == "variant" ? &law.variant
                            : key == "device"  ? &law.device
                            : key == "group"   ? &law.group
                            : key == "source"  ? &law.source
                                               : nullptr;
        if (!word)
          throw Error(fmt::format("{}:{}:{}: unknown key '{}'", origin, at.line, at.column, key));
        *word = v.value_or(std::string());
      }
    }
    // TOML tables are sorted by key; formulas name their parameters, so that order does not matter.
    laws.all.push_back(std::move(law));
  }
  return laws;
}

std::string write_laws(const Laws& laws, const std::string& heading) {
  std::string out;
  std::istringstream lines(heading);
  for (std::string line; std::getline(lines, line);) out += "# " + line + "\n";
  out += "schema = 1\n";
  for (const Law& l : laws.all) {
    out += fmt::format("\n[[law]]\nkind = {}\nvariant = {}\n", quoted(l.kind), quoted(l.variant));
    if (!l.device.empty()) out += fmt::format("device = {}\n", quoted(l.device));
    out += fmt::format("group = {}\nscatter = {:.4g}\npoints = {}\nsource = {}\n", quoted(l.group),
                       l.scatter, l.points, quoted(l.source));
    for (const auto& [name, v] : l.parameters)
      out += fmt::format("{} = {{ value = \"{}\", low = \"{}\", high = \"{}\" }}\n", name,
                         text_of(name, v.value), text_of(name, v.low), text_of(name, v.high));
  }
  return out;
}

const Laws& built_in_laws() {
  static const Laws laws = read_laws(embedded_laws(), "laws.toml (built in)");
  return laws;
}

std::vector<std::string> engine_names(const Laws& laws) {
  std::set<std::string> names = {"ideal", "none"};
  for (const Law& l : laws.all)
    if (l.kind == "engine") names.insert(l.variant);
  return {names.begin(), names.end()};
}

std::string_view link_group(const Machine& m) {
  return m.sync_tp_bandwidth && m.sync_tp_bandwidth->value > gigabytes_per_second(150.0)
             ? "switched"
             : "slots";
}

bool switch_adds(const Device& device, const Machine& m) {
  const std::string_view g = generation(device);
  return link_group(m) == "switched" && (g == "hopper" || g == "blackwell" || g == "rubin");
}

std::string engine_library(const std::string& engine) {
  // gpt-fast has kernels of its own for all-reduces within a node, captured with the rest of a
  // step.
  if (engine == "vllm" || engine == "gpt-fast" || engine == "none") return "graph";
  if (engine == "trtllm") return "fused";
  return "nccl";
}

void check_engine(const Laws& laws, const std::string& engine) {
  const std::vector<std::string> engines = engine_names(laws);
  if (std::find(engines.begin(), engines.end(), engine) == engines.end())
    throw Error(
        fmt::format("--engine: unknown engine '{}'{}", engine, suggestion(engine, engines)));
}

}  // namespace limen::cards
