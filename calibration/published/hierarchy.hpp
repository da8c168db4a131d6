// A law fitted to several groups of measurements at once, partially pooled.
//
// Each group (a device, say) has its own parameters, in the logarithm or the logit, and those of
// all groups are draws from a normal distribution whose mean and width are estimated too (empirical
// Bayes): a group with many points keeps to them, one with few leans on its relatives, and one that
// was never measured has the distribution itself. A fraction can so never leave (0, 1) and a time
// never be negative.
//
// Points of one table share what the law leaves out, so that a group counts as no more than
// `independent` points however many it has.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model/cards/laws.hpp"

namespace limen::calibration {

enum class Scale { positive, fraction, above_one };

struct Coordinate {
  std::string name;
  Scale scale;
  double typical;  // before any measurement: the median of the distribution's mean,
  double spread;   // its standard deviation in the transformed coordinate,
  double between;  // and that of the groups about it
};

double transformed(Scale scale, double natural);
double natural(Scale scale, double transformed);

struct MeasuredGroup {
  std::string name;
  std::vector<double> observed;  // seconds
  // Fills `seconds` from natural values of the coordinates.
  std::function<void(const std::vector<double>& values, std::vector<double>& seconds)> predict;
};

struct FittedGroup {
  std::string name;
  std::vector<double> mean, deviation;    // transformed
  std::vector<double> errors;             // predicted / observed - 1
  std::vector<std::string> unidentified;  // parameters that the prior tells, not the data
};

struct Hierarchy {
  std::vector<Coordinate> coordinates;
  std::vector<FittedGroup> groups;
  // Of a group that was never measured: the mean, and the deviation with what is unknown of the
  // mean.
  std::vector<double> mean, deviation;

  cards::LawValue value(std::size_t coordinate, double mean_, double deviation_) const;
  std::vector<std::pair<std::string, cards::LawValue>> parameters(const FittedGroup* group) const;
  // The same without intervals, to predict with.
  std::vector<double> values(const FittedGroup* group) const;
};

inline constexpr double independent = 40;

// The distribution that fitted groups are drawn from. `refit`, called for each of them in each
// round with the mean and width of the round before, may fit it anew.
using Refit = std::function<void(std::size_t group, const std::vector<double>& mean,
                                 const std::vector<double>& between, FittedGroup& fitted)>;
Hierarchy pool_groups(const std::vector<Coordinate>& coordinates, std::vector<FittedGroup> groups,
                      const Refit& refit);

Hierarchy fit_hierarchy(const std::vector<Coordinate>& coordinates,
                        const std::vector<MeasuredGroup>& groups);

}  // namespace limen::calibration
