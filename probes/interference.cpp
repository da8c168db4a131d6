#include "probes/interference.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "kernels/cpu/clock.hpp"
#include "kernels/cpu/fma.hpp"
#include "kernels/cpu/sync.hpp"
#include "probes/host.hpp"
#include "probes/runner.hpp"

namespace limen::probes {

double core_clock() {
  constexpr std::uint64_t steps = 40000;
  double best = 1;
  for (int i = 0; i < 3; ++i) best = std::min(best, time_once([] { kernels::clock_chain(steps); }));
  return static_cast<double>(steps) / best;
}

bool differs(double value, const std::vector<double>& others, double share) {
  if (others.size() < 8) return false;
  auto sorted = others;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return std::abs(value - *middle) > share * *middle;
}

double line_time(kernels::Team& team) {
  if (team.size() < 2) return 0;
  constexpr std::uint32_t rounds = 100;
  double best = 1;  // of three: other work can only lengthen it
  for (int i = 0; i < 3; ++i) {
    kernels::Flag line;
    best = std::min(best, time_once([&] {
                      team.run(2, [&](int m) { m == 0 ? ping(line, rounds) : pong(line, rounds); });
                    }));
  }
  return best / (2 * rounds);
}

double multiplied_together(kernels::Team& team) {
  constexpr std::size_t rounds = 16384;
  std::atomic<double> sink{0};
  double best = 1;
  for (int i = 0; i < 3; ++i) {
    best = std::min(best, time_once([&] {
                      team.run(team.size(), [&](int) {
                        sink = kernels::fma_run(kernels::FmaType::fp32, rounds);
                      });
                    }));
  }
  return team.size() * kernels::fma_flops(kernels::FmaType::fp32, rounds) / best;
}

void Interference::begin() {
  steal_ = steal_seconds();
  clock_ = core_clock();
  line_ = line_time(team_);
  together_ = multiplied_together(team_);
  fastest_ = std::max(fastest_, clock_);
}

std::uint32_t Interference::end(int threads) {
  // Near and far differ several times; the dispatch, which is in the time as well, much less.
  constexpr double other_clock = 0.1, other_place = 0.4;
  std::uint32_t marks = 0;
  if (steal_seconds() > steal_) marks |= results::stolen;
  if (differs(clock_, clocks_, other_clock)) marks |= results::clock_changed;
  if (threads > units_) marks |= results::oversubscribed;
  if (threads > 1 &&
      (differs(line_, lines_, other_place) || differs(together_, togethers_, 1 - own_cores) ||
       differs(multiplied_together(team_), togethers_, 1 - own_cores)))
    marks |= results::placement_changed;
  if (clocks_.size() < 4096) {
    clocks_.push_back(clock_);
    lines_.push_back(line_);
    togethers_.push_back(together_);
  }
  return marks;
}

}  // namespace limen::probes
