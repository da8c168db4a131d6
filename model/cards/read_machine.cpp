#include "model/cards/machine_card.hpp"

#include <cmath>
#include <set>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "model/cards/card_source.hpp"
#include "model/cards/parse_toml.hpp"
#include "model/cards/suggest.hpp"
#include "model/cards/units.hpp"
#include "model/error.hpp"
#include "model/parameter_slot.hpp"
#include "model/resolve.hpp"

namespace limen::cards {
namespace {

using namespace model;

// One machine file being read: every access says which key it wanted, so that what nobody wanted is
// a typo.
class Reader {
 public:
  Reader(const toml::table& root, std::string origin) : root_(root), origin_(std::move(origin)) {}

  std::string where(const toml::node& node, const std::string& key) const {
    const auto at = node.source().begin;
    return fmt::format("{}:{}:{}: {}", origin_, at.line, at.column, key);
  }

  template <class P>
  void parameter(const toml::table& table, const std::string& key, const std::string& name,
                 std::optional<P>& out) {
    const toml::node* node = wanted(table, key, name);
    if (!node) return;
    const toml::table* t = node->as_table();
    if (!t) {
      throw Error(
          where(*node, name) +
          ": a parameter is a table { value = \"...\", evidence = \"...\", source = \"...\" }");
    }
    using Q = decltype(P::value);
    for (auto&& [k, v] : *t) {
      const std::string_view part = k.str();
      if (part != "value" && part != "low" && part != "high" && part != "evidence" &&
          part != "source") {
        throw Error(where(v, name) + fmt::format(": unknown key '{}'", part) +
                    suggestion(part, {"value", "low", "high", "evidence", "source"}));
      }
    }
    P p;
    p.value = parse<Q>(text(*t, "value", name), where(*node, name));
    p.low =
        t->contains("low") ? parse<Q>(text(*t, "low", name), where(*node, name + ".low")) : p.value;
    p.high = t->contains("high") ? parse<Q>(text(*t, "high", name), where(*node, name + ".high"))
                                 : p.value;
    if (p.low > p.value || p.value > p.high) {
      throw Error(where(*node, name) + ": the interval must hold the value (low <= value <= high)");
    }
    p.evidence = evidence(*t, name);
    p.source = text(*t, "source", name);
    if constexpr (std::is_same_v<Q, Quantity<Scalar>>)
      check_pure(name, double(p.low), double(p.high), where(*node, name));
    out = p;
  }

  template <class P>
  P required(const toml::table& table, const std::string& key, const std::string& name) {
    std::optional<P> out;
    parameter(table, key, name, out);
    if (!out) throw Error(where(table, name) + " is missing");
    return *out;
  }

  std::string text(const toml::table& table, std::string_view key, const std::string& name) {
    const toml::node* node = wanted(table, std::string(key), name);
    if (!node) throw Error(where(table, name) + fmt::format(": '{}' is missing", key));
    if (const auto* s = node->as_string()) return s->get();
    throw Error(where(*node, name) +
                fmt::format(": '{}' must be text with its unit, in quotes", key));
  }

  double number(const toml::table& table, const std::string& key, const std::string& name,
                double otherwise) {
    const toml::node* node = wanted(table, key, name);
    if (!node) return otherwise;
    const auto v = node->value<double>();
    if (!v || !std::isfinite(*v) || *v < 0)
      throw Error(where(*node, name) + ": must be a number, zero or more");
    return *v;
  }

  int count(const toml::table& table, const std::string& key, const std::string& name,
            int otherwise) {
    const toml::node* node = wanted(table, key, name);
    if (!node) return otherwise;
    const auto v = node->value_exact<std::int64_t>();
    if (!v || *v < 1 || *v > 1'000'000)
      throw Error(where(*node, name) + ": must be a whole number from 1 to 1000000");
    return static_cast<int>(*v);
  }

  const toml::node* wanted(const toml::table& table, const std::string& key,
                           const std::string& name) {
    known_.insert(name);
    const toml::node* node = table.get(key);
    if (node) used_.insert(node);
    return node;
  }
  void use(const toml::node& node) { used_.insert(&node); }

  // Throws on the first key that was not used.
  void check_all_used() const { check(root_, ""); }

 private:
  Evidence evidence(const toml::table& table, const std::string& name) {
    const std::string word = text(table, "evidence", name);
    std::vector<std::string> known;
    for (Evidence e : evidences) {
      if (word == model::name(e)) return e;
      known.emplace_back(model::name(e));
    }
    throw Error(where(table, name) + fmt::format(": unknown evidence '{}'", word) +
                suggestion(word, known));
  }

  void check(const toml::table& table, const std::string& prefix) const {
    for (auto&& [k, v] : table) {
      const std::string name = prefix + std::string(k.str());
      if (used_.count(&v)) continue;
      if (const auto* inner = v.as_table(); inner && is_section(name)) {
        check(*inner, name + ".");
        continue;
      }
      throw Error(where(v, fmt::format("unknown key '{}'", name)) +
                  suggestion(name, {known_.begin(), known_.end()}));
    }
  }
  bool is_section(const std::string& name) const {
    const auto next = known_.lower_bound(name + ".");
    return next != known_.end() && next->rfind(name + ".", 0) == 0;
  }

  const toml::table& root_;
  std::string origin_;
  std::set<std::string> known_;
  std::set<const toml::node*> used_;
};

// The table and last key of "a.b.c", or null if a table on the way is absent.
const toml::table* descend(const toml::table& root, std::string& key) {
  const toml::table* table = &root;
  for (std::size_t dot; table && (dot = key.find('.')) != std::string::npos;
       key.erase(0, dot + 1)) {
    table = (*table)[key.substr(0, dot)].as_table();
  }
  return table;
}

template <class F>
void for_each_entry(Reader& reader, const toml::table& root, std::string name,
                    const std::vector<std::string>& known, F&& f) {
  std::string key = name;
  const toml::table* table = descend(root, key);
  const toml::node* node =
      table ? reader.wanted(*table, key, name) : reader.wanted(root, name, name);
  if (!node) return;
  const toml::array* list = node->as_array();
  if (!list || !list->is_homogeneous<toml::table>())
    throw Error(reader.where(*node, name) + ": must be [[" + name + "]] tables");
  for (const auto& entry : *list) {
    const toml::table& t = *entry.as_table();
    f(t);
    for (auto&& [k, v] : t) {
      if (std::find(known.begin(), known.end(), k.str()) == known.end()) {
        throw Error(reader.where(v, name) + fmt::format(": unknown key '{}'", k.str()) +
                    suggestion(k.str(), known));
      }
    }
  }
}

// The cards on the way from the file to its bases.
using Chain = std::vector<std::string>;

Machine read(std::string_view text, const std::string& origin, const std::string& folder,
             Chain chain) {
  const toml::table root = parse_toml(text, origin);
  Reader reader(root, origin);
  const int schema = reader.count(root, "schema", "schema", 0);
  if (schema == 0)
    throw Error(origin +
                ": 'schema' is missing; is this a machine file? It begins with schema = 1");
  if (schema > machine_schema) {
    throw Error(fmt::format("{}: schema {} is newer than this limen reads ({}); update limen",
                            origin, schema, machine_schema));
  }
  Machine m;
  if (const toml::node* base = reader.wanted(root, "base", "base")) {
    const std::string where = reader.where(*base, "base");
    const CardSource source = card_source(embedded_machines(), "machine",
                                          reader.text(root, "base", "base"), folder, where);
    chain.push_back(origin);
    for (const auto& one : chain) {
      if (one != source.origin) continue;
      throw Error(fmt::format("{}: a card cannot be its own base: {} -> {}", where,
                              fmt::join(chain, " -> "), source.origin));
    }
    m = read(source.text, source.origin, source.folder, chain);
  }
  if (const toml::node* network = reader.wanted(root, "network", "network")) {
    const CardSource source =
        card_source(embedded_networks(), "network", reader.text(root, "network", "network"), folder,
                    reader.where(*network, "network"));
    connect(m, read_network(source.text, source.origin));
  }
  m.name = reader.text(root, "name", "name");
  if (reader.wanted(root, "description", "description"))
    m.description = reader.text(root, "description", "description");
  m.devices = reader.count(root, "devices", "devices", m.devices);
  m.ranks_per_device =
      reader.count(root, "ranks_per_device", "ranks_per_device", m.ranks_per_device);
  m.devices_per_node =
      reader.count(root, "devices_per_node", "devices_per_node", m.devices_per_node);
  const Machine base = m;
  for_each_parameter(m, [&](const std::string& name, auto& p) {
    std::string key = name;
    const toml::table* table = descend(root, key);
    if (!table) {
      static const toml::table none;
      table = &none;
    }
    reader.parameter(*table, key, name, p);
    if (table->contains(key)) displace_fits(m, name, base);
  });
  for_each_law(m, [&](const std::string& prefix, auto& law) {
    const std::string name = prefix + ".scatter";
    std::string key = name;
    const toml::table* table = descend(root, key);
    static const toml::table none;
    law.scatter = reader.number(table ? *table : none, key, name, law.scatter);
  });
  m.engine_scatter = reader.number(root, "engine_scatter", "engine_scatter", 0);
  for_each_collective(m, [&](const std::string& name, auto& pieces) {
    auto inherited = std::move(pieces);
    pieces.clear();
    static const std::vector<std::string> keys = {"ranks", "from", "alpha", "beta", "scatter"};
    for_each_entry(reader, root, name, keys, [&](const toml::table& t) {
      CollectivePiece piece;
      piece.ranks = reader.count(t, "ranks", name + ".ranks", 0);
      if (piece.ranks < 2) {
        throw Error(reader.where(t, name + ".ranks") + ": must be given, and 2 or more");
      }
      piece.from = parse<Bytes>(reader.text(t, "from", name), reader.where(t, name + ".from"));
      piece.alpha = reader.required<Parameter<Seconds>>(t, "alpha", name + ".alpha");
      piece.beta = reader.required<Parameter<SecondsPerByte>>(t, "beta", name + ".beta");
      piece.scatter = reader.number(t, "scatter", name + ".scatter", 0);
      pieces.push_back(piece);
    });
    if (pieces.empty()) pieces = std::move(inherited);
  });
  auto inherited_levels = std::move(m.levels);
  m.levels.clear();
  static const std::vector<std::string> level_keys = {"name",      "threads", "capacity",
                                                      "bandwidth", "fixed",   "latency"};
  for_each_entry(reader, root, "memory.level", level_keys, [&](const toml::table& t) {
    MemoryLevel level;
    level.name = reader.text(t, "name", "memory.level");
    level.threads = reader.count(t, "threads", "memory.level.threads", 1);
    if (t.contains("capacity")) {
      level.capacity = parse<Bytes>(reader.text(t, "capacity", "memory.level"),
                                    reader.where(t, "memory.level.capacity"));
    }
    level.bandwidth =
        reader.required<Parameter<BytesPerSecond>>(t, "bandwidth", "memory.level.bandwidth");
    reader.parameter(t, "fixed", "memory.level.fixed", level.fixed);
    reader.parameter(t, "latency", "memory.level.latency", level.latency);
    m.levels.push_back(level);
  });
  if (m.levels.empty()) m.levels = std::move(inherited_levels);
  if (const toml::node* list = reader.wanted(root, "unidentified", "unidentified")) {
    const toml::array* words = list->as_array();
    if (!words) throw Error(reader.where(*list, "unidentified") + ": must be a list of text");
    m.unidentified.clear();
    for (const auto& w : *words) m.unidentified.push_back(w.value_or(std::string()));
  }
  reader.check_all_used();
  return m;
}

}  // namespace

model::Machine read_machine(std::string_view text, const std::string& origin,
                            const std::string& folder) {
  const Machine m = read(text, origin, folder, {});
  if (!m.memory_bandwidth)
    throw Error(origin + ": memory.bandwidth is missing; without it nothing can be predicted");
  check_tiers(m, origin);
  return m;
}

model::Machine read_network(std::string_view text, const std::string& origin) {
  const Machine m = read(text, origin, "", {});
  for_each_parameter(m, [&](const std::string& name, const auto& p) {
    if (p && (name.rfind("sync.", 0) != 0 || name == "sync.barrier")) {
      throw Error(
          fmt::format("{}: a network has sync.* keys of links alone, not {}", origin, name));
    }
  });
  return m;
}

}  // namespace limen::cards
