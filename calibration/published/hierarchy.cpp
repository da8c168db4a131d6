#include "calibration/published/hierarchy.hpp"

#include <algorithm>
#include <cmath>

#include "calibration/least_squares.hpp"
#include "model/parameter.hpp"

namespace limen::calibration {

using Eigen::Index;
using Eigen::VectorXd;

namespace {

using model::z90;

double median_magnitude(std::vector<double> values) {
  if (values.empty()) return 0;
  for (double& v : values) v = std::abs(v);
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

// The most probable parameters of one group, given the distribution they are drawn from.
void fit_group(const std::vector<Coordinate>& coordinates, const MeasuredGroup& group,
               const std::vector<double>& mean, const std::vector<double>& between,
               FittedGroup& fitted) {
  const std::size_t n = group.observed.size(), k = coordinates.size();
  std::vector<double> values(k), seconds(n);
  const auto logs = [&](const VectorXd& x) {
    for (std::size_t i = 0; i < k; ++i)
      values[i] = natural(coordinates[i].scale, x[static_cast<Index>(i)]);
    group.predict(values, seconds);
  };
  VectorXd x(static_cast<Index>(k));
  for (std::size_t i = 0; i < k; ++i) x[static_cast<Index>(i)] = fitted.mean[i];
  const double weight = std::sqrt(std::min(1.0, independent / static_cast<double>(n)));
  Fit fit;
  std::vector<double> root(n, 1);
  for (int round = 0; round < 6; ++round) {
    logs(x);
    std::vector<double> errors(n);
    for (std::size_t j = 0; j < n; ++j) errors[j] = std::log(seconds[j] / group.observed[j]);
    // Noise from 2 % up; points beyond 1.345 robust deviations pull with bounded force (Huber).
    const double sigma = round == 0 ? 0.1 : std::max(0.02, 1.4826 * median_magnitude(errors));
    for (std::size_t j = 0; j < n; ++j) {
      const double magnitude = std::abs(errors[j]) / sigma;
      root[j] = magnitude > 1.345 ? std::sqrt(1.345 / magnitude) : 1;
    }
    const Residuals residuals = [&](const VectorXd& at, VectorXd& r) {
      logs(at);
      for (std::size_t j = 0; j < n; ++j)
        r[static_cast<Index>(j)] =
            weight * root[j] * std::log(seconds[j] / group.observed[j]) / sigma;
      for (std::size_t i = 0; i < k; ++i)
        r[static_cast<Index>(n + i)] = (at[static_cast<Index>(i)] - mean[i]) / between[i];
    };
    fit = least_squares(residuals, static_cast<Index>(n + k), x, 1e-6);
    const double moved = (fit.parameters - x).cwiseAbs().maxCoeff();
    x = fit.parameters;
    if (round > 1 && moved < 1e-4) break;
  }
  logs(x);
  fitted.errors.resize(n);
  for (std::size_t j = 0; j < n; ++j) fitted.errors[j] = seconds[j] / group.observed[j] - 1;
  fitted.unidentified.clear();
  for (std::size_t i = 0; i < k; ++i) {
    const auto at = static_cast<Index>(i);
    fitted.mean[i] = x[at];
    // The covariance comes scaled by the residuals; its own scale is right, since they have unit
    // variance by construction.
    double error = fit.standard_errors[at] / (fit.sigma > 0 ? fit.sigma : 1);
    if (!std::isfinite(error) || error > between[i]) error = between[i];
    fitted.deviation[i] = error;
    if (error > 0.8 * between[i]) fitted.unidentified.push_back(coordinates[i].name);
  }
}

}  // namespace

double transformed(Scale scale, double v) {
  switch (scale) {
    case Scale::positive:
      return std::log(v);
    case Scale::fraction:
      return std::log(v / (1 - v));
    case Scale::above_one:
      return std::log(v - 1);
  }
  return 0;
}

double natural(Scale scale, double x) {
  x = std::clamp(x, -60.0, 60.0);
  switch (scale) {
    case Scale::positive:
      return std::exp(x);
    case Scale::fraction:
      return 1 / (1 + std::exp(-x));
    case Scale::above_one:
      return 1 + std::exp(x);
  }
  return 0;
}

cards::LawValue Hierarchy::value(std::size_t i, double mean_, double deviation_) const {
  const Scale s = coordinates[i].scale;
  return {natural(s, mean_), natural(s, mean_ - z90 * deviation_),
          natural(s, mean_ + z90 * deviation_)};
}

std::vector<std::pair<std::string, cards::LawValue>> Hierarchy::parameters(
    const FittedGroup* group) const {
  std::vector<std::pair<std::string, cards::LawValue>> out;
  for (std::size_t i = 0; i < coordinates.size(); ++i)
    out.emplace_back(coordinates[i].name, group ? value(i, group->mean[i], group->deviation[i])
                                                : value(i, mean[i], deviation[i]));
  return out;
}

std::vector<double> Hierarchy::values(const FittedGroup* group) const {
  std::vector<double> out;
  for (std::size_t i = 0; i < coordinates.size(); ++i)
    out.push_back(natural(coordinates[i].scale, group ? group->mean[i] : mean[i]));
  return out;
}

Hierarchy pool_groups(const std::vector<Coordinate>& coordinates, std::vector<FittedGroup> groups,
                      const Refit& refit) {
  // Inverse-gamma prior of the variance between groups, worth as many groups.
  constexpr double belief = 3;
  constexpr int rounds = 8;
  constexpr double settled = 2e-3;  // of a parameter, far below any interval
  const std::size_t k = coordinates.size();
  Hierarchy h;
  h.coordinates = coordinates;
  h.groups = std::move(groups);
  std::vector<double> between;
  for (const Coordinate& c : coordinates) {
    h.mean.push_back(transformed(c.scale, c.typical));
    between.push_back(c.between);
  }
  const std::vector<double> start = h.mean;
  const auto count = static_cast<double>(h.groups.size());
  for (int round = 0; round < rounds && !h.groups.empty(); ++round) {
    for (std::size_t g = 0; g < h.groups.size(); ++g) refit(g, h.mean, between, h.groups[g]);
    double moved = 0;
    for (std::size_t i = 0; i < k; ++i) {
      const double own = 1 / (between[i] * between[i]),
                   before = 1 / (coordinates[i].spread * coordinates[i].spread);
      double sum = before * start[i];
      for (const FittedGroup& g : h.groups) sum += own * g.mean[i];
      const double mean = sum / (count * own + before);
      moved = std::max(moved, std::abs(mean - h.mean[i]));
      h.mean[i] = mean;
      double squares = belief * coordinates[i].between * coordinates[i].between;
      for (const FittedGroup& g : h.groups)
        squares += std::pow(g.mean[i] - h.mean[i], 2) + g.deviation[i] * g.deviation[i];
      const double width = std::sqrt(squares / (count + belief));
      moved = std::max(moved, std::abs(std::log(width / between[i])));
      between[i] = width;
    }
    if (moved < settled) break;
  }
  h.deviation.resize(k);
  for (std::size_t i = 0; i < k; ++i) {
    const double own = between[i] * between[i],
                 unknown = 1 / (count / own + 1 / std::pow(coordinates[i].spread, 2));
    h.deviation[i] = std::sqrt(own + unknown);
  }
  return h;
}

Hierarchy fit_hierarchy(const std::vector<Coordinate>& coordinates,
                        const std::vector<MeasuredGroup>& measured) {
  std::vector<double> start;
  for (const Coordinate& c : coordinates) start.push_back(transformed(c.scale, c.typical));
  std::vector<FittedGroup> groups;
  for (const MeasuredGroup& g : measured)
    groups.push_back({g.name, start, std::vector<double>(coordinates.size(), 1), {}, {}});
  return pool_groups(
      coordinates, std::move(groups),
      [&](std::size_t g, const std::vector<double>& mean, const std::vector<double>& between,
          FittedGroup& fitted) { fit_group(coordinates, measured[g], mean, between, fitted); });
}

}  // namespace limen::calibration
