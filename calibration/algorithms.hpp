// The algorithms that libraries use for a collective of p ranks and a vector of n bytes, each as
// the steps that follow one another and the times that the vector crosses a link:
//
//   t = steps(p) a + crossings(p) n b
//
// with a the latency of a step and b the time of a byte (after Thakur, Rabenseifner and Gropp,
// "Optimization of Collective Communication Operations in MPICH", 2005). L is log2(p), rounded up.
#pragma once

#include <cmath>
#include <vector>

#include "model/exchange.hpp"

namespace limen::calibration {

struct Algorithm {
  const char* name;
  double (*steps)(double p);
  double (*crossings)(double p);
};

namespace counts {
inline double doublings(double p) { return std::ceil(std::log2(p) - 1e-9); }
inline double twice_doublings(double p) { return 2 * doublings(p); }
inline double peers(double p) { return p - 1; }
inline double twice_peers(double p) { return 2 * (p - 1); }
inline double share(double p) { return (p - 1) / p; }
inline double twice_share(double p) { return 2 * (p - 1) / p; }
inline double half_doublings(double p) { return doublings(p) / 2; }
inline double share_and_doublings(double p) { return share(p) + doublings(p); }
}  // namespace counts

// Of the model's kinds but the hop, which is a step itself.
inline std::vector<Algorithm> algorithms(model::Exchange kind) {
  using namespace counts;
  switch (kind) {
    case model::Exchange::all_reduce:
      return {{"recursive doubling", doublings, doublings},
              {"ring", twice_peers, twice_share},
              {"tree", twice_doublings, twice_doublings},
              {"Rabenseifner", twice_doublings, twice_share}};
    case model::Exchange::all_gather:
      return {{"recursive doubling", doublings, share},
              {"ring", peers, share},
              {"tree", twice_doublings, share_and_doublings}};
    case model::Exchange::reduce_scatter:
      return {{"recursive halving", doublings, share},
              {"ring", peers, share},
              {"tree", twice_doublings, share_and_doublings}};
    case model::Exchange::all_to_all:
      return {{"pairwise", peers, share}, {"Bruck", doublings, half_doublings}};
    case model::Exchange::hop:
      break;
  }
  return {};
}

}  // namespace limen::calibration
