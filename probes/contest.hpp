// Loops against each other in one process: in each round all of them run, in random order, so that
// drift of the machine falls on all alike. What is compared is the ratio within a round.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace limen::probes {

struct Contestant {
  std::string name;
  double work = 0;              // of one run: bytes, as the algorithm counts them
  std::function<void()> run;    // some milliseconds
  std::vector<double> rates{};  // a round each
};

// Runs rounds until `seconds` have passed, at least `least` of them, or stop() says so.
void contest(std::vector<Contestant>& contestants, double seconds, std::size_t least,
             std::uint64_t seed, const std::function<bool()>& stop);

struct Ratio {
  double best = 0;  // best rate over best rate
  double median = 0, low = 0,
         high = 0;  // of the rounds' ratios, with its 95 % interval by order statistics
  std::size_t rounds = 0;
};
Ratio ratio(const std::vector<double>& ours, const std::vector<double>& theirs);

}  // namespace limen::probes
