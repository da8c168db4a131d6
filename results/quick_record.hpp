// The lines of samples.jsonl in the one form that limen writes, read without a JSON tree: many
// times faster, which matters to those who read thousands of runs.
#pragma once

#include <optional>
#include <string_view>

#include "results/records.hpp"

namespace limen::results {

// What read_record would give; nothing if the line has any other form (other order of keys, spaces,
// escapes, text beyond ASCII, numbers out of range, anything malformed): the general reader then
// takes it, or says what is wrong.
std::optional<Record> quick_record(std::string_view line);

}  // namespace limen::results
