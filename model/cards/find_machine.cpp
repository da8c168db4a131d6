#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "model/cards/embedded.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/suggest.hpp"
#include "model/cards/units.hpp"
#include "model/error.hpp"
#include "model/parameter_slot.hpp"

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

double parse_parameter(const std::string& key, std::string_view value, const std::string& where) {
  std::optional<double> found;
  std::vector<std::string> known;
  Machine any;
  for_each_count(any, [&](const char* name, int&) {
    known.push_back(name);
    if (name != key) return;
    const long long n = parse_count(value, where);
    if (n > 1'000'000) throw Error(fmt::format("{}: '{}' is too large", where, value));
    found = static_cast<double>(n);
  });
  for_each_parameter(any, [&](const std::string& name, auto& p) {
    known.push_back(name);
    if (name != key) return;
    using Q = decltype(p->value);
    found = parse<Q>(value, where).in(Unit<typename Q::dimension>{1.0});
    if (std::is_same_v<Q, Quantity<Scalar>> && *found > 1)
      throw Error(fmt::format("{}: an efficiency above 1 is impossible", where));
  });
  if (!found) throw Error(fmt::format("--set: unknown key '{}'{}", key, suggestion(key, known)));
  return *found;
}

void set_parameter(model::Machine& m, std::string_view assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    throw Error(fmt::format("--set '{}': write KEY=VALUE, for example memory.bandwidth=18TB/s",
                            assignment));
  }
  const std::string key(assignment.substr(0, equals));
  const double value = parse_parameter(key, assignment.substr(equals + 1), "--set " + key);
  parameter_setter(m, key, "--set")(value);
}

}  // namespace limen::cards
