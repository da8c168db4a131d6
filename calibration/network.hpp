// The law of a collective over the number of ranks, at one level of a machine: which algorithm the
// library uses by size of message, and what the collective costs with more ranks than were
// measured.
//
// Sizes are cut into pieces, and in each piece every algorithm of the kind (algorithms.hpp) is
// fitted by its two parameters. What tells algorithms apart whose times grow alike with the ranks
// (recursive doubling and tree differ by a factor of 2) is what a step costs: a ping-pong at the
// same level is the expectation of both parameters, log-normal about it, and narrower below it: a
// step that sends a message takes no less than a message. The criterion is
//
//   misfit / noise^2 + (distance from the expectation)^2 + parameters ln(points)
//
// (BIC with the expectation as a prior). Algorithms that come near the best are kept as
// alternatives, and the interval of a prediction spans theirs: it grows as they part. It also grows
// by an error for each doubling of the ranks beyond the measured, taken from what the law missed
// when the largest number of ranks was left out, and by the scatter of fits without one number of
// ranks each. With n numbers of ranks these have Student's t of n - 2 degrees of freedom.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "calibration/algorithms.hpp"
#include "results/statistics.hpp"

namespace limen::calibration {

// Seconds that an execution took; for a hop `ranks` is 2.
struct NetworkPoint {
  double ranks = 2, bytes = 0, seconds = 0;
};

struct NetworkFit {  // of one algorithm to one piece
  Algorithm algorithm;
  double a = 0, b = 0;  // seconds of a step; seconds of a byte
  double cost = 0;      // the criterion, without its count of parameters
  double weight = 0;    // among the algorithms of the piece, by the criterion; they add to 1
  // Fits without one of the numbers of ranks.
  struct Without {
    double a, b;
  };
  std::vector<Without> without;
};

struct NetworkPiece {
  double from = 0, to = 0;       // bytes, of the points in it
  std::vector<NetworkFit> fits;  // the best first, then those that come near it
};

struct NetworkEstimate {
  double seconds = 0, low = 0, high = 0;  // 90 %
};

struct LeftOut {  // the largest number of ranks, predicted by the law of the others
  double ranks = 0, bytes = 0, measured = 0;
  NetworkEstimate predicted;
  double error() const { return predicted.seconds / measured - 1; }
};

class NetworkLaw {
 public:
  // At least two numbers of ranks and two sizes; nothing otherwise. `hops` may be empty: then what
  // only the cost of a step tells apart stays open.
  static std::optional<NetworkLaw> fit(model::Exchange kind, std::vector<NetworkPoint> points,
                                       const std::vector<NetworkPoint>& hops);

  NetworkEstimate at(double ranks, double bytes) const;
  const NetworkPiece& piece_of(double bytes) const;
  const std::vector<NetworkPiece>& pieces() const { return pieces_; }
  const std::vector<LeftOut>& left_out() const { return left_out_; }
  double most_ranks() const { return most_ranks_; }
  // Relative error (rms) on the points, on those of the ranks that were left out (0: too few).
  double scatter() const { return scatter_; }
  double left_out_error() const;
  std::vector<double> errors() const;  // relative, a point
  // "recursive doubling (5 us a step, 500 ps/B) up to 16384 bytes, then ring or Rabenseifner
  // (...)"; what a step and a byte cost is of the first that is named.
  std::string in_words() const;

 private:
  std::vector<NetworkPoint> points_;
  std::vector<NetworkPiece> pieces_;
  std::vector<LeftOut> left_out_;
  double most_ranks_ = 2, scatter_ = 0;
  int counts_ = 2;  // of different numbers of ranks

  NetworkEstimate estimate(const NetworkFit& fit, double ranks, double bytes) const;
  static NetworkLaw fit_pieces(model::Exchange kind, const std::vector<NetworkPoint>& points,
                               const std::vector<NetworkPoint>& hops);
};

}  // namespace limen::calibration
