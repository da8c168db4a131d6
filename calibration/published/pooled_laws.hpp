// From a fit of several groups (devices) to the laws that are kept: of each, of their relatives, of
// all.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "calibration/published/hierarchy.hpp"
#include "calibration/published/rows.hpp"
#include "model/cards/laws.hpp"

namespace limen::calibration {

using Rows = std::vector<const PublishedRow*>;

// The relative error that 90 % of the errors lie within, as a standard deviation; few errors are
// believed less: they count beside 20 of 10 %, which is how far versions of libraries and engines
// lie apart.
double scatter_of(std::vector<double> errors);

// `group`: one of the fit, or null for all of them. `foreign`: the least that its scatter may be.
cards::Law law_of(const Hierarchy& h, const FittedGroup* group, const std::string& kind,
                  const std::string& variant, const std::string& device, const std::string& family,
                  const Rows& rows, double foreign = 0);

// What the fits of some groups say about a relative of theirs: their mean, with the distribution's
// mean counted as so many groups, and so much of its width.
struct Kinship {
  double outsiders, width;
};
inline constexpr Kinship generation_kin{1.0 / 3, 0.5}, vendor_kin{1, 1};
// `law`: the pooled one, whose name of kind, variant and group is kept.
cards::Law law_of_relatives(const Hierarchy& h, const std::set<std::string>& members, Kinship kin,
                            cards::Law law, double foreign);

// The group of the laws of a generation: those of all-reduces hold for one kind of link.
std::string generation_group(RowKind kind, const std::string& generation,
                             const std::string& family);

// What the data of each group could not tell, in words.
std::vector<std::string> unidentified(const Hierarchy& h, const std::string& law);

}  // namespace limen::calibration
