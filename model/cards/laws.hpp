// Laws that were fitted to published measurements: of each device that was measured, of the devices
// of a group together, and of serving engines. They fill in what a datasheet card does not say.
//
// A law is a table of parameters with their 90 % intervals:
//   [[law]]
//   kind = "linear"            linear, attention, all_reduce, engine
//   variant = "bf16"           kernel, KV format, library class, engine
//   device = "h100-sxm5-80gb"  of this card; without it, of any device of the group
//   group = "nvidia"
//   scatter = 0.05             relative error (rms) about the law, of points outside the fit
// What each parameter means is said in calibration/published/laws.hpp, beside the formulas.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/cards/device.hpp"
#include "model/machine.hpp"

namespace limen::cards {

// In SI units: seconds for times, else pure numbers.
struct LawValue {
  double value = 0, low = 0, high = 0;
};

struct Law {
  std::string kind, variant, device, group;
  std::vector<std::pair<std::string, LawValue>> parameters;
  double scatter = 0;
  int points = 0;
  std::string source;

  bool pooled() const { return device.empty(); }
  bool has(std::string_view parameter) const;
  const LawValue& of(std::string_view parameter) const;
};

struct Laws {
  std::vector<Law> all;
  // That of the device, else of the first of the groups that has one (the nearest relatives first),
  // else of any device ("all"); null if there is none.
  const Law* find(std::string_view kind, std::string_view variant, std::string_view device,
                  const std::vector<std::string>& groups) const;
};

// Throws Error with line and column.
Laws read_laws(std::string_view toml, const std::string& origin);
std::string write_laws(const Laws& laws, const std::string& heading);
const Laws& built_in_laws();
// Parameters that are times, by name.
bool is_time(std::string_view parameter);

// The group of a machine's links: "switched" (NVLink and its like) or "slots" (PCIe).
std::string_view link_group(const model::Machine& machine);

// Whether the switch of its links can add up what passes: NVLink of the fourth generation and
// later.
bool switch_adds(const Device& device, const model::Machine& machine);

// Groups whose pooled laws of a kind hold for a device, the nearest first: its generation, then its
// vendor; for all-reduces its generation on such links, then such links.
std::vector<std::string> relatives(const Device& device, const model::Machine& card,
                                   std::string_view kind);

// The class of all-reduce that an engine uses: graph, fused, nccl.
std::string engine_library(const std::string& engine);

// Engines that have a law, and "ideal", "unknown" and "none" (kernels alone).
std::vector<std::string> engine_names(const Laws& laws);

// Throws Error if it is none of them.
void check_engine(const Laws& laws, const std::string& engine);

// A datasheet card with the laws of kernels and of a class of all-reduce where it says nothing.
model::Machine with_kernels(model::Machine card, const Laws& laws, const std::string& library);

// The same as an engine runs it: a datasheet card with the laws of its device or group where the
// card says nothing. `engine`: one of engine_names(); "ideal" leaves the card as it is. A card
// of no known device is returned unchanged. Throws Error on an unknown engine.
model::Machine with_laws(model::Machine card, const Laws& laws, const std::string& engine);

}  // namespace limen::cards
