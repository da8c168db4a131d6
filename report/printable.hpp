// Text that is not to be trusted, made harmless for a terminal and valid for XML and JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace limen::report {

// Valid UTF-8 in which what a terminal or a reader would obey (control characters, escape
// sequences, marks that turn the direction of writing) and what is malformed shows as '?'.
std::string printable(std::string_view text);

// The characters of printable text, one string each.
std::vector<std::string> characters(std::string_view text);

// Columns of a terminal, at most.
int columns(std::string_view text);

// Broken at blanks, inside a word only where it is longer than a line; lines of at most `most`
// columns.
std::vector<std::string> wrapped(std::string_view text, int most);

// The beginning, with an ellipsis if something is left out.
std::string shortened(std::string_view text, int most);

}  // namespace limen::report
