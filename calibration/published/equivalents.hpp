// What could be reached at all: measurements foretold by equivalent ones instead of by a law.
//
// Two laboratories that time one kernel on one device differ by clocks, versions and ways of
// timing, and no law that does not know these can miss by less. Each row is foretold by the median
// of
//   measured again   the same case of the same source and version
//   another source   the same device, kernel, library or engine elsewhere, in another machine or in
//                    another version, with the nearest shape there is, within a factor of 1.5; the
//                    law that was fitted to both carries one shape to the other
//   another engine   decode: the same case by other engines
//   cut otherwise    attention: as many bytes of as wide a cache, in other sequences and heads
// and judged like a prediction. Rows without an equivalent are left out.
#pragma once

#include <string>
#include <vector>

#include "calibration/published/validate.hpp"

namespace limen::calibration {

struct Equivalence {
  std::string what;
  std::vector<Judged> judged;  // without intervals
};

// `fitted`: rows beside the law that was fitted to all of them.
std::vector<Equivalence> equivalences(const std::vector<Judged>& fitted);

}  // namespace limen::calibration
