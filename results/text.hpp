// How parameters and marks are written, for people and in files.
#pragma once

#include <string>
#include <vector>

#include "results/measurement.hpp"

namespace limen::results {

// "bytes=4096 kernel=read": a case among those of its probe.
std::string describe(const Parameters& parameters);
std::string describe(const ParameterValue& value);

struct MarkName {
  Mark mark;
  const char* name;
};
inline constexpr MarkName mark_names[] = {
    {context_switch, "context_switch"},
    {stolen, "stolen"},
    {clock_changed, "clock_changed"},
    {oversubscribed, "oversubscribed"},
    {late_start, "late_start"},
    {emulated, "emulated"},
    {placement_changed, "placement_changed"},
    {throttled, "throttled"},
    {shared_device, "shared_device"},
};
std::vector<std::string> names_of(std::uint32_t marks);

}  // namespace limen::results
