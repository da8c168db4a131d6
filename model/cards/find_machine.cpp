#include <fmt/format.h>

#include "model/cards/card_source.hpp"
#include "model/cards/device.hpp"
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

model::Machine find_machine(const std::string& name, const std::string& option) {
  const auto built_in = embedded_machines();
  const bool known = std::any_of(built_in.begin(), built_in.end(),
                                 [&](const auto& card) { return card.name == name; });
  const Device* device = known ? nullptr : named_device(name);
  const bool is_path = name.find('/') != std::string::npos || name.ends_with(".toml");
  if (const Device* near = find_device(name); !known && !device && !is_path && near)
    throw Error(
        fmt::format("{}: unknown machine '{}'; did you mean '{}'?", option, name, near->card));
  const CardSource source = card_source(
      built_in, "machine", device != nullptr ? std::string(device->card) : name, "", option);
  return read_machine(source.text, source.origin, source.folder);
}

void check_tiers(const model::Machine& m, const std::string& where) {
  const BytesPerSecond main = m.memory_bandwidth->value;
  for (const auto& [name, capacity, bandwidth] :
       {std::tuple{"sram", &m.sram_capacity, &m.sram_bandwidth},
        {"host", &m.host_capacity, &m.host_bandwidth}}) {
    if (capacity->has_value() != bandwidth->has_value()) {
      throw Error(fmt::format("{}: {}.capacity and {}.bandwidth belong together: give both", where,
                              name, name));
    }
  }
  if (m.sram_bandwidth && m.sram_bandwidth->value < main)
    throw Error(where + ": sram.bandwidth is below memory.bandwidth; tiers go from fast to slow");
  if (m.host_bandwidth && m.host_bandwidth->value > main)
    throw Error(where + ": host.bandwidth is above memory.bandwidth; tiers go from fast to slow");
}

void check_pure(const std::string& key, double low, double high, const std::string& where) {
  if (is_exponent(key) ? low < 1 : high > 1)
    throw Error(
        fmt::format("{}: {} is impossible", where,
                    is_exponent(key) ? "an overlap below 1" : "a share or efficiency above 1"));
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
    if (std::is_same_v<Q, Quantity<Scalar>>) check_pure(name, *found, *found, where);
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
