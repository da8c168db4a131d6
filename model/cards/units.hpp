// Quantities as text, each with its unit: "18 TB/s", "1us", "80 GB", "2.25 PFLOP/s", "0.88".
//
// Decimal prefixes are powers of 1000 and binary ones (GiB) of 1024. A bare number is refused where
// a unit is needed; a pure ratio is a bare number or has "%". Times may be zero, everything else
// must be positive; all must be finite.
#pragma once

#include <string>
#include <string_view>

#include "model/quantity.hpp"

namespace limen::cards {

// `where` begins the error's line, for example "card.toml:7:12: memory.bandwidth". Throws Error.
template <class Q>
Q parse(std::string_view text, const std::string& where);

// The shortest text in the unit that gives 1 to 999, to `digits` significant digits.
template <class Q>
std::string to_text(Q value, int digits = 9);

// A number that may have a suffix k (1024), as contexts are written: 4k = 4096, 128k = 131072.
// Positive integer.
long long parse_count(std::string_view text, const std::string& where);

}  // namespace limen::cards
