// What a device draws, as a law: what it draws whatever it does, and joules of a byte of memory, of
// a byte of the cache, and of a FLOP of products, by format.
//
//   watts = idle + e_memory * bytes/s + e_cache * bytes/s + e_format * flops/s
//
// From gpu.energy: reads at several rates tell what is drawn anyway from what a byte takes; reads
// of the cache, that their bytes are none of the memory's; products of many tokens, what a FLOP
// takes with all that brings its operands from the memory. The energy of a byte of the cache is a
// term that the model has no use for.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "calibration/laws.hpp"
#include "calibration/least_squares.hpp"

namespace limen::calibration {

namespace {

enum Term : std::size_t { idle, memory, cache, bf16, fp8, terms };
constexpr const char* keys[terms] = {"power.idle", "energy.memory", "the cache", "energy.bf16",
                                     "energy.fp8"};

struct Point {
  double watts = 0;
  std::array<double, terms> rate{};  // 1, bytes/s, bytes/s, flops/s, flops/s
};

Point point_of(const Observation& o) {
  Point p{o.watts, {1}};
  const bool cached = o.is("residence", "cached");
  p.rate[cached ? cache : memory] = o.bytes() / o.seconds;
  // The vector units of one token are lost beside what it reads.
  if (o.is("kernel", "gemm"))
    p.rate[o.is("format", "fp8") ? fp8 : bf16] = o.work.flops.in(model::flops) / o.seconds;
  return p;
}

using Terms = std::vector<Term>;

double watts_of(const Eigen::VectorXd& x, const Terms& free, const Point& p) {
  double sum = 0;
  for (std::size_t k = 0; k < free.size(); ++k)
    sum += x[static_cast<Eigen::Index>(k)] * p.rate[free[k]];
  return sum;
}

// Relative errors, since a device at rest draws a tenth of what it does at work.
Fit fit_terms(const std::vector<Point>& points, const Terms& free) {
  Eigen::VectorXd start(static_cast<Eigen::Index>(free.size()));
  for (std::size_t k = 0; k < free.size(); ++k) {
    double most = 0, watts = 0;
    for (const Point& p : points)
      most = std::max(most, p.rate[free[k]]), watts = std::max(watts, p.watts);
    start[static_cast<Eigen::Index>(k)] = 0.3 * watts / most;
  }
  return least_squares(
      [&](const Eigen::VectorXd& x, Eigen::VectorXd& r) {
        for (std::size_t i = 0; i < points.size(); ++i)
          r[static_cast<Eigen::Index>(i)] = watts_of(x, free, points[i]) / points[i].watts - 1;
      },
      static_cast<Eigen::Index>(points.size()), start);
}

std::vector<double> errors_of(const Fit& fit, const Terms& free, const std::vector<Point>& points) {
  std::vector<double> errors;
  for (const Point& p : points) errors.push_back(watts_of(fit.parameters, free, p) / p.watts - 1);
  return errors;
}

// Half of a 90 % interval: wider than that of a normal distribution for the few points there are.
double reach(double standard_error, std::size_t points, std::size_t free) {
  const auto left = static_cast<double>(points - free);
  return z90 * std::sqrt(left / (left - 2)) * standard_error;
}

}  // namespace

void fit_energy(const Observations& observed, Draft& draft) {
  constexpr std::size_t spare = 3;  // more points than terms
  std::vector<Point> points;
  for (const Observation* o : observed.of("gpu.energy"))
    if (o->watts > 0) points.push_back(point_of(*o));
  auto& missing = draft.machine.unidentified;
  if (points.empty()) return;
  Terms free;
  for (const Term t : {idle, memory, cache, bf16, fp8})
    if (std::any_of(points.begin(), points.end(), [t](const Point& p) { return p.rate[t] > 0; }))
      free.push_back(t);
  if (points.size() < free.size() + spare) {
    missing.push_back(fmt::format(
        "power.idle, energy.memory, energy.bf16: {} cases of gpu.energy for {} terms; a full run "
        "has enough",
        points.size(), free.size()));
    return;
  }
  const Fit fit = fit_terms(points, free);
  const std::vector<double> errors = errors_of(fit, free, points);
  std::vector<int> each(points.size());
  for (std::size_t i = 0; i < each.size(); ++i) each[i] = static_cast<int>(i);
  report_law(draft, "energy", errors, held_out_error(each, [&](const std::vector<bool>& keep) {
               std::vector<Point> kept;
               for (std::size_t i = 0; i < points.size(); ++i)
                 if (keep[i]) kept.push_back(points[i]);
               return errors_of(fit_terms(kept, free), free, points);
             }));
  auto& e = draft.machine.economics;
  for (std::size_t k = 0; k < free.size(); ++k) {
    const double value = fit.parameters[static_cast<Eigen::Index>(k)],
                 half = reach(fit.standard_errors[static_cast<Eigen::Index>(k)], points.size(),
                              free.size());
    if (!(value > 0 && half <= 0.5 * value)) {  // also where it is not finite
      if (free[k] != cache)
        missing.push_back(
            fmt::format("{}: the cases of gpu.energy do not tell it from the rest", keys[free[k]]));
      continue;
    }
    const results::Interval interval{value - half, value + half};
    const auto of = [&](const auto& unit) {
      return parameter(draft, unit, value, interval, model::Evidence::fitted);
    };
    if (free[k] == idle) e.idle = of(model::watts);
    if (free[k] == memory) e.memory = of(model::joules_per_byte);
    // Weights of 8 and 4 bits are widened and multiplied in bf16.
    if (free[k] == bf16)
      for (const auto f : {model::Format::bf16, model::Format::int8, model::Format::int4})
        e.flop[static_cast<int>(f)] = of(model::joules_per_flop);
    if (free[k] == fp8) e.flop[static_cast<int>(model::Format::fp8)] = of(model::joules_per_flop);
  }
}

}  // namespace limen::calibration
