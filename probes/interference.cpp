#include "probes/interference.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/clock.hpp"
#include "probes/host.hpp"
#include "probes/runner.hpp"

namespace limen::probes {

double core_clock() {
  constexpr std::uint64_t steps = 40000;
  double best = 1;
  for (int i = 0; i < 3; ++i) best = std::min(best, time_once([] { kernels::clock_chain(steps); }));
  return static_cast<double>(steps) / best;
}

bool clock_differs(double clock, const std::vector<double>& others) {
  if (others.size() < 8) return false;
  auto sorted = others;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return std::abs(clock - *middle) > 0.1 * *middle;
}

void Interference::begin() {
  steal_ = steal_seconds();
  clock_ = core_clock();
  fastest_ = std::max(fastest_, clock_);
}

std::uint32_t Interference::end(int threads) {
  std::uint32_t marks = 0;
  if (steal_seconds() > steal_) marks |= results::stolen;
  if (clock_differs(clock_, clocks_)) marks |= results::clock_changed;
  if (threads > units_) marks |= results::oversubscribed;
  if (clocks_.size() < 4096) clocks_.push_back(clock_);
  return marks;
}

}  // namespace limen::probes
