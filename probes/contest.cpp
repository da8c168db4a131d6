#include "probes/contest.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "probes/runner.hpp"
#include "probes/schedule.hpp"

namespace limen::probes {

void contest(std::vector<Contestant>& contestants, double seconds, std::size_t least,
             std::uint64_t seed, const std::function<bool()>& stop) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  for (auto& c : contestants) c.run();  // warm up
  for (std::uint64_t round = 0; !stop(); ++round) {
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    if (round >= least && elapsed > seconds) return;
    for (const auto i : shuffled(contestants.size(), seed, round)) {
      auto& c = contestants[i];
      // The threads of the loop before, ours or a library's, spin for a while before they sleep.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      c.rates.push_back(c.work / time_once(c.run));
    }
  }
}

Ratio ratio(const std::vector<double>& ours, const std::vector<double>& theirs) {
  Ratio r;
  r.rounds = std::min(ours.size(), theirs.size());
  if (r.rounds == 0) return r;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < r.rounds; ++i) ratios.push_back(ours[i] / theirs[i]);
  std::sort(ratios.begin(), ratios.end());
  const double n = static_cast<double>(r.rounds), half = 0.98 * std::sqrt(n);  // 1.96 * sqrt(n) / 2
  const auto at = [&](double rank) {
    return ratios[static_cast<std::size_t>(std::clamp(rank, 0.0, n - 1))];
  };
  r.median = (at(std::floor((n - 1) / 2)) + at(std::ceil((n - 1) / 2))) / 2;
  r.low = at(std::floor(n / 2 - half) - 1);
  r.high = at(std::ceil(n / 2 + half));
  r.best =
      *std::max_element(ours.begin(), ours.end()) / *std::max_element(theirs.begin(), theirs.end());
  return r;
}

}  // namespace limen::probes
