// How fast the model itself is, on one core.
#pragma once

namespace limen::cli {

struct ModelRate {
  // A second: demand, rates, ideal and calibrated step, binding limit, rates of a user and the
  // system.
  double plain = 0;          // one configuration after the other
  double lanes = 0;          // as a sweep does it, over bandwidth x sync x batch x context
  double machines_only = 0;  // likewise, over two parameters of the machine: none shares its rates
  const char* target = "";   // the instruction set of the lanes
  bool same_bits = false;    // lanes and plain, on what was timed
  double predictions = 0;    // a second: one after the other with their 90 % intervals
  double rows = 0;           // a second: evaluated and written as CSV into memory
};
// Medians of 25 rounds, each of about a millisecond; the kinds alternate.
ModelRate model_rate();

}  // namespace limen::cli
