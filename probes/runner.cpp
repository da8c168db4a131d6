#include "probes/runner.hpp"

#include <sys/resource.h>

#include <chrono>

#include <benchmark/benchmark.h>

namespace limen::probes {
namespace {

using Clock = std::chrono::steady_clock;

class Silent : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
};

// Times that the kernel took a CPU away from any thread of ours.
long involuntary_switches() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nivcsw;
}

}  // namespace

double time_once(const std::function<void()>& call) {
  const auto start = Clock::now();
  call();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

results::Visit take_samples(const std::function<double(std::int64_t)>& timed, std::int64_t inner,
                            std::int64_t count, const std::function<bool()>& stop) {
  results::Visit visit;
  visit.inner = inner;
  visit.seconds.reserve(static_cast<std::size_t>(count));
  benchmark::RegisterBenchmark(
      "visit",
      [&](benchmark::State& state) {
        long switches = involuntary_switches();
        bool stopped = false;
        for (auto _ : state) {
          if (stopped || (stopped = !visit.seconds.empty() && stop())) {
            state.SetIterationTime(0);
            continue;
          }
          const double seconds = timed(inner);
          state.SetIterationTime(seconds);
          const long now = involuntary_switches();
          visit.seconds.push_back(seconds / static_cast<double>(inner));
          visit.marks.push_back(now != switches ? results::context_switch : 0u);
          switches = now;
        }
      })
      ->Iterations(count)
      ->UseManualTime();
  Silent silent;
  benchmark::RunSpecifiedBenchmarks(&silent, "visit");
  benchmark::ClearRegisteredBenchmarks();
  return visit;
}

}  // namespace limen::probes
