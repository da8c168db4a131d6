#include "probes/mpi_window.hpp"

#include <algorithm>
#include <fstream>
#include <string>

#include "probes/interference.hpp"
#include "probes/mpi_series.hpp"
#include "probes/mpi_watch.hpp"

namespace limen::probes {
namespace {

// Of all CPUs since boot, in ticks of 10 ms: coarse, so growth casts doubt on a whole batch. 0 if
// it cannot be known.
std::int64_t stolen_ticks() {
  std::ifstream stat("/proc/stat");
  std::string label;
  std::int64_t ticks = 0;
  stat >> label;
  for (int column = 1; column <= 8; ++column)
    stat >> ticks;  // user nice system idle iowait irq softirq steal
  return stat && label == "cpu" ? ticks : 0;
}

// How long an execution takes, roughly: the median of a few, at the slowest rank; of one, if that
// is long. Rank 0 has the answer.
std::int64_t estimate_duration(kernels::mpi::Operation& operation, MPI_Comm comm) {
  constexpr std::int64_t is_long = 5'000'000;
  std::int64_t first = clock_now();
  operation.run();
  first = clock_now() - first;
  MPI_Bcast(&first, 1, MPI_INT64_T, 0, comm);  // all must run it as often
  std::vector<std::int64_t> durations(first > is_long ? 1 : 5);
  for (std::int64_t& d : durations) {
    if (!operation.synchronizes())
      MPI_Barrier(comm);  // else messages sent before are there at once
    d = clock_now();
    operation.run();
    d = clock_now() - d;
    get_on();
  }
  const auto middle = durations.begin() + static_cast<std::ptrdiff_t>(durations.size() / 2);
  std::nth_element(durations.begin(), middle, durations.end());
  std::int64_t slowest = 0;
  MPI_Reduce(&*middle, &slowest, 1, MPI_INT64_T, MPI_MAX, 0, comm);
  return slowest;
}

}  // namespace

Repetitions last_in_to_last_out(const std::vector<std::vector<Stamp>>& table, double tolerance,
                                double clock_error) {
  Repetitions result;
  const std::size_t n = table.empty() ? 0 : table.front().size();
  for (std::size_t i = 0; i < n; ++i) {
    double first_in = table[0][i].enter, last_in = first_in;
    double first_out = table[0][i].exit, last_out = first_out;
    std::uint32_t marks = 0;
    for (const std::vector<Stamp>& rank : table) {
      first_in = std::min(first_in, rank[i].enter);
      last_in = std::max(last_in, rank[i].enter);
      first_out = std::min(first_out, rank[i].exit);
      last_out = std::max(last_out, rank[i].exit);
      marks |= rank[i].marks;
    }
    if (last_in > tolerance) {
      marks |= results::late_start;
      ++result.late;
    }
    if (first_out + clock_error < last_in) ++result.left_early;
    // Each rank leaves after it enters, so this is positive but for a clock too coarse to tell:
    // then it is one tick.
    result.seconds.push_back(std::max(last_out - last_in, 1.0) * 1e-9);
    result.skew_seconds.push_back((last_in - first_in) * 1e-9);
    result.marks.push_back(marks);
  }
  return result;
}

WindowTimer::WindowTimer(MPI_Comm comm, std::uint32_t standing_marks)
    : comm_(comm), standing_marks_(standing_marks), beside_root_(ranks_beside_root(comm)) {
  MPI_Comm_rank(comm_, &rank_);
  MPI_Comm_size(comm_, &ranks_);
}

// True if a message to the farthest rank on this host takes another time than it usually did: a
// hypervisor has moved the CPUs.
bool WindowTimer::moved(const std::vector<ClockOffset>& offsets) {
  constexpr double other_place = 0.4;  // near and far differ several times
  double farthest = 0;
  for (std::size_t r = 1; r < offsets.size(); ++r) {
    if (beside_root_[r]) farthest = std::max(farthest, offsets[r].trip);
  }
  if (farthest == 0) return false;
  const bool other = differs(farthest, trips_, other_place);
  trips_.push_back(farthest);
  return other;
}

Batch WindowTimer::time(kernels::mpi::Operation& operation, const BatchLimits& limits) {
  const std::vector<ClockOffset> before = synchronize(comm_, beside_root_);
  const std::int64_t estimate = estimate_duration(operation, comm_);

  usual_ = std::max<std::int64_t>(1, estimate);
  double clock_error = 0;
  for (const ClockOffset& o : before) clock_error = std::max(clock_error, o.error);
  const Schedule schedule = plan_batch(limits, estimate, clock_error, ranks_);
  std::int64_t stolen = stolen_ticks();
  std::vector<std::int64_t> starts;
  const std::vector<Reading> readings = execute(operation, comm_, schedule, before, starts);
  stolen = stolen_ticks() - stolen;

  const std::size_t n = readings.size();
  std::vector<Reading> all(rank_ == 0 ? n * static_cast<std::size_t>(ranks_) : 0);
  const int count = static_cast<int>(3 * n);
  MPI_Gather(readings.data(), count, MPI_INT64_T, all.data(), count, MPI_INT64_T, 0, comm_);
  std::int64_t most_stolen = 0;
  MPI_Reduce(&stolen, &most_stolen, 1, MPI_INT64_T, MPI_MAX, 0, comm_);
  const std::vector<ClockOffset> after = synchronize(comm_, beside_root_);
  if (rank_ != 0) return {};

  std::uint32_t common_marks = standing_marks_ | (most_stolen > 0 ? results::stolen : 0u);
  const bool moved_before = moved(before), moved_after = moved(after);
  if (moved_before || moved_after) common_marks |= results::placement_changed;
  std::vector<std::vector<Stamp>> table(static_cast<std::size_t>(ranks_));
  for (std::size_t r = 0; r < table.size(); ++r) {
    const ClockModel clock(before[r], after[r]);
    clock_error = std::max(clock_error, clock.error());
    for (std::size_t i = 0; i < n; ++i) {
      const Reading& reading = all[r * n + i];
      const auto start = static_cast<double>(starts[i]);
      const auto marks = reading.switches > 0 ? results::context_switch : std::uint32_t{0};
      table[r].push_back({clock.to_common(reading.enter) - start,
                          clock.to_common(reading.exit) - start, marks | common_marks});
    }
  }
  // A twentieth of the operation is what a late rank can hide: the others may be that far into it
  // already.
  const double tolerance = std::max(100.0, 0.05 * static_cast<double>(estimate)) + clock_error;
  Repetitions repetitions = last_in_to_last_out(table, tolerance, clock_error);

  Batch batch;
  for (double& s : repetitions.seconds) s /= operation.trips();
  batch.visit.seconds = std::move(repetitions.seconds);
  batch.visit.marks = std::move(repetitions.marks);
  batch.skew_seconds = std::move(repetitions.skew_seconds);
  batch.late = repetitions.late;
  batch.left_early = operation.synchronizes() ? repetitions.left_early : 0;
  batch.clock_error = clock_error * 1e-9;
  return batch;
}

results::Visit WindowTimer::time_between_barriers(kernels::mpi::Operation& operation,
                                                  const BatchLimits& limits) {
  auto n = static_cast<int>(std::clamp(limits.seconds / 3 / (2e-9 * static_cast<double>(usual_)),
                                       double(limits.min_samples), double(limits.max_samples)));
  MPI_Bcast(&n, 1, MPI_INT, 0, comm_);  // the others know no estimate
  std::vector<double> mine(static_cast<std::size_t>(n)), sums(rank_ == 0 ? mine.size() : 0);
  MPI_Barrier(comm_);
  for (double& seconds : mine) {
    const std::int64_t start = clock_now();
    get_on();
    operation.run();
    seconds = std::max(1e-9 * static_cast<double>(clock_now() - start), 1e-9);
    MPI_Barrier(comm_);
  }
  MPI_Reduce(mine.data(), sums.data(), n, MPI_DOUBLE, MPI_SUM, 0, comm_);
  results::Visit visit;
  for (double sum : sums) {
    visit.seconds.push_back(sum / ranks_ / operation.trips());
    visit.marks.push_back(standing_marks_);
  }
  return visit;
}

}  // namespace limen::probes
