#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "model/cards/embedded.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/suggest.hpp"
#include "model/cards/units.hpp"
#include "model/error.hpp"
#include "model/resolve.hpp"

namespace limen::cards {

using namespace model;

std::vector<std::string> machine_names() {
  std::vector<std::string> names;
  for (const auto& card : embedded_machines()) names.emplace_back(card.name);
  return names;
}

model::Machine find_machine(const std::string& name) {
  for (const auto& card : embedded_machines()) {
    if (card.name == name)
      return read_machine(card.text, std::string(card.name) + ".toml (built in)");
  }
  const bool is_path =
      name.find('/') != std::string::npos || (name.size() > 5 && name.ends_with(".toml"));
  if (!is_path) {
    throw Error(fmt::format("--machine: unknown machine '{}'{} (a machine file ends in .toml)",
                            name, suggestion(name, machine_names())));
  }
  std::ifstream file(name);
  if (!file || std::filesystem::is_directory(name)) {
    throw Error(
        fmt::format("--machine: cannot read '{}'; limen calibrate writes such a file", name));
  }
  std::ostringstream text;
  text << file.rdbuf();
  return read_machine(text.str(), name);
}

void set_parameter(model::Machine& m, std::string_view assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    throw Error(fmt::format("--set '{}': write KEY=VALUE, for example memory.bandwidth=18TB/s",
                            assignment));
  }
  const std::string key(assignment.substr(0, equals));
  const std::string where = "--set " + key;
  const std::string_view value = assignment.substr(equals + 1);
  if (key == "devices" || key == "ranks_per_device") {
    const long long n = parse_count(value, where);
    if (n > 1'000'000) throw Error(fmt::format("{}: '{}' is too large", where, value));
    (key == "devices" ? m.devices : m.ranks_per_device) = static_cast<int>(n);
    return;
  }
  std::vector<std::string> known = {"devices", "ranks_per_device"};
  bool found = false;
  for_each_parameter(m, [&](const std::string& name, auto& p) {
    known.push_back(name);
    if (name != key) return;
    using P = typename std::remove_reference_t<decltype(p)>::value_type;
    p = P::exact(parse<decltype(P::value)>(value, where), Evidence::hypothetical, "--set");
    if constexpr (std::is_same_v<decltype(P::value), Quantity<Scalar>>) {
      if (double(p->value) > 1)
        throw Error(fmt::format("{}: an efficiency above 1 is impossible", where));
    }
    found = true;
  });
  if (!found) throw Error(fmt::format("--set: unknown key '{}'{}", key, suggestion(key, known)));
  // What was fitted size by size gives way to what is named.
  if (key != "sync.tp" && key != "sync.tp_bandwidth") return;
  const std::pair<Exchange, std::vector<CollectivePiece>*> kinds[] = {
      {Exchange::all_reduce, &m.all_reduce},
      {Exchange::all_gather, &m.all_gather},
      {Exchange::reduce_scatter, &m.reduce_scatter},
      {Exchange::all_to_all, &m.all_to_all}};
  for (const auto& [kind, pieces] : kinds) {
    for (auto& piece : *pieces) {
      if (key == "sync.tp") piece.alpha = *m.sync_tp;
      if (key == "sync.tp_bandwidth") {
        piece.beta = Parameter<SecondsPerByte>::exact(
            link_time(m.sync_tp_bandwidth, kind, piece.ranks), Evidence::hypothetical, "--set");
      }
    }
  }
}

}  // namespace limen::cards
