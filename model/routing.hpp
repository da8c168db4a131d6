// How tokens spread over experts, and how much more than its share the busiest device gets.
//
// Each of m tokens picks k of E experts, evenly and independently of the other tokens. Then
//   * an expert is picked by nobody with probability (1 - k/E)^m, so E (1 - (1 - k/E)^m) are
//   expected to be read;
//   * with the experts on b devices, the counts of a device (experts read, or tokens that it gets)
//   are sums of
//     negatively associated indicators, and for any convex f such a sum has E f(X) <= E f(Y) with Y
//     binomial of the same mean (Shao, J. Theor. Probab. 13 (2000) 343; for tokens, Hoeffding
//     1963). With f(x) = max(x - t, 0):
//         E max_d X_d  <=  t + sum_d E max(X_d - t, 0)  <=  t + b E max(Y - t, 0)   for every t.
//     The best integer t is the smallest with b P(Y > t) <= 1. This is the bound used: proven, and
//     tight for even loads.
#pragma once

#include <algorithm>
#include <cmath>

#include "model/quantity.hpp"

namespace limen::model {

// Upper bound of the expected maximum of `bins` counts, each binomial-like with n trials of
// probability p.
inline double busiest_count(double n, double p, int bins) {
  const double mean = n * p;
  if (bins <= 1 || n < 1 || p <= 0) return mean;
  if (p >= 1) return n;
  // Terms of the binomial downwards, until the tail outweighs 1 / bins; from ten deviations above
  // the mean, beyond which less than 1e-20 lies.
  const double log_odds = std::log(p) - std::log1p(-p);
  double t = std::min(std::floor(n), std::ceil(mean + 10 * std::sqrt(mean) + 20));
  double log_term = std::lgamma(n + 1) - std::lgamma(t + 1) - std::lgamma(n - t + 1) +
                    t * std::log(p) + (n - t) * std::log1p(-p);
  double tail = 0;    // P(Y > t)
  double excess = 0;  // E max(Y - t, 0)
  for (; t > 0; --t) {
    const double term = std::exp(log_term);
    if (bins * (tail + term) > 1) break;
    tail += term;
    excess += tail;  // going from t to t - 1 adds P(Y > t - 1)
    log_term += std::log(t / (n - t + 1)) - log_odds;
  }
  return std::clamp(t + bins * excess, mean, n);
}

// Expected number of bins that hold one of k different experts, picked evenly from all, of which
// each bin has as many: a given bin has none with probability C(E - E/bins, k) / C(E, k).
inline double bins_hit(double experts, double k, int bins) {
  double none = 1;
  for (double i = 0; i < k; ++i)
    none *= std::max(0.0, experts - experts / bins - i) / (experts - i);
  return bins * (1 - none);
}

// f(x) of a function of plain numbers; if x has slopes, with those that a central difference gives.
template <class S, class F>
S through(const S& x, F&& f) {
  const double at = value_of(x);
  if constexpr (requires { x.slope; }) {
    const double h = 1e-5 * at;
    return x.through(f(at), (f(at + h) - f(at - h)) / (2 * h));
  } else {
    return S(f(at));
  }
}

// Fraction of the experts that a step with m tokens reads.
template <class S>
S share_of_experts_read(S m, double experts, double top_k) {
  using std::exp;
  return S(1.0) - exp(m * S(std::log1p(-top_k / experts)));
}

}  // namespace limen::model
