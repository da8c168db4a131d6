// Cutting a sweep into pieces: the cuts that leave the least error, and as many of them as the data
// can pay for (BIC).
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace limen::calibration {

struct Segment {
  std::size_t first = 0, last = 0;  // both inside
  std::size_t size() const { return last - first + 1; }
};

struct SegmentRules {
  std::size_t most = 3;  // segments
  std::size_t least_points = 1;
  double parameters = 1;  // of the law in a segment
  double noise = 0.01;    // relative error that is not worth a cut
};

struct Cut {
  std::vector<Segment> segments;
  double bic = 0;
};

// Never as many free parameters as points. `cost` is the sum of squared relative errors of the best
// law on points first..last.
Cut cut_by_bic(std::size_t points, const SegmentRules& rules,
               const std::function<double(std::size_t first, std::size_t last)>& cost);

// t = intercept + slope x with neither negative, by least squares of relative errors.
struct Line {
  double intercept = 0, slope = 0;
  double intercept_error = 0, slope_error = 0;  // standard errors
  double squares = 0;                           // of relative errors, summed
  double at(double x) const { return intercept + slope * x; }
};
Line fit_line(const std::vector<double>& x, const std::vector<double>& t, Segment range);
// The same with Huber's weights.
Line robust_line(const std::vector<double>& x, const std::vector<double>& t, Segment range);

}  // namespace limen::calibration
