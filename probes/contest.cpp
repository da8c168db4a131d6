#include "probes/contest.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "probes/runner.hpp"
#include "probes/schedule.hpp"

namespace limen::probes {

namespace {

// The rate of an undisturbed run, or NaN.
double undisturbed_rate(const Contestant& c, const ContestRules& rules) {
  constexpr double share = 0.01;  // of a run's time that may have gone by waiting
  for (int attempt = 0; attempt < rules.attempts; ++attempt) {
    // The threads of the loop before, ours or a library's, spin for a while before they sleep.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const double waited = rules.waited();
    const double seconds = time_once(c.run);
    if (rules.waited() - waited <= share * seconds) return c.work / seconds;
  }
  return std::nan("");
}

}  // namespace

void contest(std::vector<Contestant>& contestants, const ContestRules& rules) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  for (auto& c : contestants) c.run();  // warm up
  for (std::uint64_t round = 0; !rules.stop(); ++round) {
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    if (round >= rules.least && elapsed > rules.seconds) return;
    for (const auto i : shuffled(contestants.size(), rules.seed, round)) {
      contestants[i].rates.push_back(undisturbed_rate(contestants[i], rules));
    }
  }
}

Ratio ratio(const std::vector<double>& ours, const std::vector<double>& theirs) {
  Ratio r;
  std::vector<double> ratios;
  double our_best = 0, their_best = 0;
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    if (std::isfinite(ours[i] / theirs[i])) ratios.push_back(ours[i] / theirs[i]);
    if (ours[i] > our_best) our_best = ours[i];  // false for NaN
    if (theirs[i] > their_best) their_best = theirs[i];
  }
  r.rounds = ratios.size();
  if (r.rounds == 0) return r;
  std::sort(ratios.begin(), ratios.end());
  const double n = static_cast<double>(r.rounds), half = 0.98 * std::sqrt(n);  // 1.96 * sqrt(n) / 2
  const auto at = [&](double rank) {
    return ratios[static_cast<std::size_t>(std::clamp(rank, 0.0, n - 1))];
  };
  r.median = (at(std::floor((n - 1) / 2)) + at(std::ceil((n - 1) / 2))) / 2;
  r.low = at(std::floor(n / 2 - half) - 1);
  r.high = at(std::ceil(n / 2 + half));
  r.best = our_best / their_best;
  return r;
}

}  // namespace limen::probes
