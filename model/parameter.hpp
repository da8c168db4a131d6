// A number about a machine that says how well it is known and where it came from.
#pragma once

#include <string>

namespace limen::model {

// `pooled`: from the distribution of a law over the devices of a class, or over serving engines.
// `unverified`: of a datasheet, but recalled, not read.
enum class Evidence { measured, fitted, pooled, datasheet, unverified, hypothetical };

inline constexpr Evidence evidences[] = {Evidence::measured,   Evidence::fitted,
                                         Evidence::pooled,     Evidence::datasheet,
                                         Evidence::unverified, Evidence::hypothetical};

constexpr const char* name(Evidence e) {
  switch (e) {
    case Evidence::measured:
      return "measured";
    case Evidence::fitted:
      return "fitted";
    case Evidence::pooled:
      return "pooled";
    case Evidence::datasheet:
      return "datasheet";
    case Evidence::unverified:
      return "datasheet, unverified";
    case Evidence::hypothetical:
      return "hypothetical";
  }
  return "";
}

// What 90 % of a normal distribution lies within, in standard deviations.
inline constexpr double z90 = 1.6449;

// low..high is a 90 % interval; a datasheet or hypothetical value without one has low = value =
// high.
template <class Q>
struct Parameter {
  Q value;
  Q low;
  Q high;
  Evidence evidence = Evidence::hypothetical;
  std::string source;  // a run, a document, a reasoning

  static Parameter exact(Q v, Evidence e, std::string from) {
    return {v, v, v, e, std::move(from)};
  }
};

}  // namespace limen::model
