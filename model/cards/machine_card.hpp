// Machine files (TOML): hardware cards, and the machine.toml that a calibration writes. One format
// for both.
//
//   schema = 1
//   name = "h100-8"
//   devices = 8
//   [memory]
//   bandwidth = { value = "3.35 TB/s", evidence = "datasheet", source = "NVIDIA H100 datasheet" }
//
// A parameter is a table of value, evidence, source and, where known, low and high (a 90 %
// interval). `base` names another card, and what follows is what differs from it; `network` names a
// network card, which has sync.* keys alone. The keys are those of model::for_each_parameter;
// besides them [[sync.all_reduce]] and
// [[memory.level]].
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/machine.hpp"

namespace limen::cards {

inline constexpr int machine_schema = 1;

// `origin` is the file's name for error messages, `folder` where relative paths in it start from.
// Throws Error with line and column.
model::Machine read_machine(std::string_view toml, const std::string& origin,
                            const std::string& folder = "");
model::Machine read_network(std::string_view toml, const std::string& origin);
std::string write_machine(const model::Machine& machine);

// A built-in card by name, or a file if the name has a slash or ends in .toml. An error begins with
// `option`.
model::Machine find_machine(const std::string& name_or_file,
                            const std::string& option = "--machine");
std::vector<std::string> machine_names();

// A network card, as a machine of which only name, description, devices_per_node and sync.* count.
model::Machine find_network(const std::string& name_or_file);
std::vector<std::string> network_names();
// Puts the network in the place of what the machine has: the links within a node if the network
// says anything about them, those between nodes likewise.
void connect(model::Machine& machine, const model::Machine& network);

// Throws Error unless the memory tiers are complete and in order, fast to slow.
void check_tiers(const model::Machine& machine, const std::string& where);

// Throws Error if a pure number by this key cannot be from `low` to `high`: a share or an
// efficiency above 1, an overlap below.
void check_pure(const std::string& key, double low, double high, const std::string& where);

// "memory.bandwidth=18TB/s": replaces the value, keeps the measured efficiencies and overheads.
// Throws Error. After the last one: check_tiers.
void set_parameter(model::Machine& machine, std::string_view assignment);

// The value of a key of --set, in its base unit: "18TB/s" is 18e12. Throws Error, also on an
// unknown key; `where` begins its line.
double parse_parameter(const std::string& key, std::string_view value, const std::string& where);

}  // namespace limen::cards
