// Loops against each other in one process: in each round all of them run, in random order, so that
// drift of the machine falls on all alike. What is compared is the ratio within a round.
//
// A run during which a thread of ours was ready but had no CPU says nothing about the loop: it is
// repeated, and given up for this round after a few attempts. Short runs find a quiet moment even
// on a core that other work shares.
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
  std::vector<double> rates{};  // a round each; NaN if no attempt was left undisturbed
};

struct ContestRules {
  double seconds = 0;     // go on so long,
  std::size_t least = 0;  // and for so many rounds at least
  std::uint64_t seed = 1;
  std::function<bool()> stop;      // asked before each round
  std::function<double()> waited;  // seconds that our threads have waited for a CPU, since ever
  int attempts = 8;
};

// Runs rounds as the rules say.
void contest(std::vector<Contestant>& contestants, const ContestRules& rules);

struct Ratio {
  double best = 0;  // best rate over best rate
  double median = 0, low = 0,
         high = 0;  // of the rounds' ratios, with its 95 % interval by order statistics
  std::size_t rounds = 0;  // in which both were undisturbed
};
Ratio ratio(const std::vector<double>& ours, const std::vector<double>& theirs);

}  // namespace limen::probes
