#include "probes/mpi_series.hpp"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>

#include "probes/mpi_watch.hpp"

namespace limen::probes {
namespace {

// What rank 0 tells a rank about a series; the start is on that rank's clock.
struct Order {
  std::int64_t start, window, repetitions, usual;
  std::int64_t left;  // repetitions after this series
};

constexpr std::int64_t series_length = 100'000;  // nanoseconds
constexpr int most_repetitions = 4096;

// Nanoseconds. To take a CPU away and give it back takes the kernel longer.
constexpr std::int64_t shortest_switch = 1000;

// Nanoseconds before a start until which others may have the CPU: a rank that shares it may have
// yet to hear of the start. Then caches and clocks have time to warm up again.
constexpr std::int64_t lent_until = 20'000;

std::int64_t involuntary_switches() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

// The timed part. The kernel is asked for context switches only where there is room for one,
// between two readings of the clock that are further apart than they should be: a system call
// before each repetition would slow it by a tenth.
void execute_series(kernels::mpi::Operation& operation, const Order& order,
                    std::vector<Reading>& readings) {
  std::int64_t start = order.start;
  std::int64_t known = involuntary_switches();
  for (std::int64_t i = 0; i < order.repetitions; ++i) {
    bool lent = false;
    while (start - clock_now() > lent_until) {
      sched_yield();
      lent = true;
    }
    if (lent) known = involuntary_switches();  // the kernel counts a yield as one
    std::int64_t last = clock_now(), widest = 0;
    while (last < start) {
      const std::int64_t now = clock_now();
      widest = std::max(widest, now - last);
      last = now;
    }
    get_on();
    const std::int64_t enter = clock_now();  // anew: leaving the loop costs a mispredicted branch
    operation.run();
    const std::int64_t exit = clock_now();
    get_on();
    Reading reading{enter, exit, 0};
    if (widest > shortest_switch || exit - enter > order.usual + shortest_switch) {
      const std::int64_t now = involuntary_switches();
      reading.switches = now - known;
      known = now;
    }
    readings.push_back(reading);
    start += order.window;
  }
}

}  // namespace

Schedule plan_batch(const BatchLimits& limits, std::int64_t usual, double clock_error, int ranks) {
  Schedule schedule{};
  schedule.usual = usual;
  // A third more than the operation takes, and a microsecond and a half for reading clocks.
  schedule.window =
      static_cast<std::int64_t>((1.33 * static_cast<double>(usual) + 1500) * limits.stretch) + 1;
  const auto fitting = static_cast<std::int64_t>(limits.seconds * 1e9) / schedule.window;
  schedule.repetitions = std::clamp<std::int64_t>(fitting, limits.min_samples,
                                                  std::min(limits.max_samples, most_repetitions));
  schedule.series = std::max<std::int64_t>(1, series_length / schedule.window);
  // The announcement has to arrive first: a few messages, of which one takes about the bound on the
  // clocks.
  schedule.lead = 10'000 + 2'000 * ranks + static_cast<std::int64_t>(8 * clock_error);
  return schedule;
}

std::vector<Reading> execute(kernels::mpi::Operation& operation, MPI_Comm comm,
                             const Schedule& schedule, const std::vector<ClockOffset>& offsets,
                             std::vector<std::int64_t>& starts) {
  std::vector<Reading> readings(most_repetitions);  // touches the pages
  readings.clear();
  Order mine{};
  do {
    std::vector<Order> orders;
    if (!offsets.empty()) {  // rank 0
      const auto left = schedule.repetitions - static_cast<std::int64_t>(starts.size());
      const std::int64_t n = std::min(left, schedule.series), start = clock_now() + schedule.lead;
      for (const ClockOffset& o : offsets) {
        orders.push_back({start + static_cast<std::int64_t>(o.offset), schedule.window, n,
                          schedule.usual, left - n});
      }
      for (std::int64_t i = 0; i < n; ++i) starts.push_back(start + i * schedule.window);
    }
    MPI_Scatter(orders.data(), 5, MPI_INT64_T, &mine, 5, MPI_INT64_T, 0, comm);
    execute_series(operation, mine, readings);
    // A root that waits for nobody would begin the next series while others are in this one.
    if (!operation.synchronizes()) MPI_Barrier(comm);
  } while (mine.left > 0);
  return readings;
}

}  // namespace limen::probes
