#include "probes/schedule.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "probes/interference.hpp"
#include "probes/runner.hpp"

namespace limen::probes {
namespace {

// Seconds since the run began at which the last visit was; 0 if there is none.
double latest_visit(const std::vector<Task>& tasks) {
  double latest = 0;
  for (const auto& task : tasks) {
    const auto* samples = std::get_if<results::Samples>(&task.measured.outcome);
    if (samples == nullptr) continue;
    for (const auto& visit : samples->visits) latest = std::max(latest, visit.at);
  }
  return latest;
}

class Schedule {
 public:
  Schedule(std::vector<Task>& tasks, const ScheduleOptions& options, Interference& interference,
           results::RunWriter& writer)
      : tasks_(tasks),
        options_(options),
        interference_(interference),
        writer_(writer),
        rule_(options.stop) {
    for (const auto& task : tasks_) ended_ += task.ended;
    spent_ = latest_visit(tasks_);
  }

  void run() {
    for (std::uint64_t round = 0; !all_ended(); ++round) {
      for (const auto index : shuffled(tasks_.size(), options_.seed, round)) {
        auto& task = tasks_[index];
        if (task.ended) continue;
        if (options_.interrupted()) return stop_all("interrupted");
        if (round > 0 && elapsed() > options_.seconds) return stop_all("time budget");
        if (options_.progress) {
          options_.progress(task.probe->name, ended_, tasks_.size(), options_.seconds - elapsed());
        }
        const double before = elapsed();
        if (task.inner == 0 && !prepare(task)) continue;
        visit(task);
        task.spent += elapsed() - before;
        if (task.ended) continue;
        const auto why =
            rule_.decide(std::get<results::Samples>(task.measured.outcome), task.spent);
        if (!why.empty()) finish(task, results::Samples{{}, why});
      }
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  // A run that goes on counts from where it stopped, without the pause.
  double elapsed() const {
    return spent_ + std::chrono::duration<double>(Clock::now() - start_).count();
  }
  bool all_ended() const { return ended_ == tasks_.size(); }

  bool prepare(Task& task) {
    if (task.what.prepare) {
      if (auto outcome = task.what.prepare()) {
        finish(task, *outcome);
        return false;
      }
    }
    if (options_.verify_only) {
      finish(task, results::Samples{{}, "verified"});
      return false;
    }
    if (task.what.warm) task.what.warm();
    // Repeat until a sample is long enough; the estimate also says how many fit a visit.
    if (!task.what.timed) {
      task.what.timed = [execute = task.what.execute](std::int64_t inner) {
        return time_once([&] { execute(inner); });
      };
    }
    task.inner = 1;
    task.what.timed(1);
    for (;;) {
      task.sample_seconds = task.what.timed(task.inner);
      if (task.sample_seconds >= task.what.least_seconds || task.inner > (std::int64_t{1} << 40))
        return true;
      const double times = task.what.least_seconds / std::max(task.sample_seconds, 1e-9) * 1.2;
      task.inner = static_cast<std::int64_t>(
          std::ceil(static_cast<double>(task.inner) * std::clamp(times, 1.5, 16.0)));
      task.inner += task.inner % 2;
    }
  }

  void visit(Task& task) {
    constexpr double most = 200;
    const double fit = options_.visit_seconds / std::max(task.sample_seconds, 1e-7);
    const auto count =
        static_cast<std::int64_t>(std::clamp(fit, task.sample_seconds > 0.05 ? 1.0 : 2.0, most));
    if (task.what.warm) task.what.warm();
    interference_.begin();
    const double at = elapsed();
    const auto joules = task.what.joules ? task.what.joules() : std::nullopt;
    auto visit = take_samples(task.what.timed, task.inner, count, options_.interrupted);
    visit.at = at;
    if (joules) visit.joules = std::max(0.0, task.what.joules().value_or(0) - *joules);
    auto marks = interference_.end(task.what.threads);
    if (task.what.marks) marks |= task.what.marks();
    for (auto& mark : visit.marks) mark |= marks;
    auto& m = task.measured;
    writer_.visit(m.probe, m.parameters, m.work, visit);
    std::get<results::Samples>(m.outcome).visits.push_back(std::move(visit));
    if (task.what.check) {
      if (auto wrong = task.what.check(); !wrong.empty()) finish(task, results::Invalid{wrong});
    }
  }

  void finish(Task& task, const results::Outcome& outcome) {
    auto& m = task.measured;
    writer_.verdict(m.probe, m.parameters, m.work, outcome);
    if (const auto* samples = std::get_if<results::Samples>(&outcome)) {
      std::get<results::Samples>(m.outcome).stop = samples->stop;
    } else {
      m.outcome = outcome;
    }
    task.ended = true;
    task.what = {};  // its buffers are no longer needed
    ++ended_;
  }

  void stop_all(const std::string& why) {
    for (auto& task : tasks_) {
      if (task.ended) continue;
      const bool none = std::get<results::Samples>(task.measured.outcome).visits.empty();
      finish(task, none ? results::Outcome(results::Skipped{why + " before its first visit"})
                        : results::Outcome(results::Samples{{}, why}));
    }
  }

  std::vector<Task>& tasks_;
  const ScheduleOptions& options_;
  Interference& interference_;
  results::RunWriter& writer_;
  StopRule rule_;
  Clock::time_point start_ = Clock::now();
  double spent_ = 0;
  std::size_t ended_ = 0;
};

// Takes over what an earlier part of the run measured. What was skipped is asked again: that costs
// nothing, and an interrupt skips, too.
void take_up(std::vector<Task>& tasks, const results::Run& before) {
  std::map<std::pair<std::string, results::Parameters>, const results::Measurement*> known;
  for (const auto& m : before.measurements) known[{m.probe, m.parameters}] = &m;
  for (auto& task : tasks) {
    const auto found = known.find({task.measured.probe, task.measured.parameters});
    if (found == known.end() || std::holds_alternative<results::Skipped>(found->second->outcome))
      continue;
    task.measured = *found->second;
    auto* samples = std::get_if<results::Samples>(&task.measured.outcome);
    task.ended = samples == nullptr || samples->stop != "interrupted";
    if (task.ended) task.what = {};
  }
}

}  // namespace

std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed, std::uint64_t round) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937_64 random(seed * 0x9E3779B97F4A7C15u + round);
  for (std::size_t i = count; i > 1; --i)
    std::swap(order[i - 1], order[random() % i]);  // not std::shuffle: it differs
  return order;                                    // between libraries
}

void run_schedule(std::vector<Task>& tasks, const ScheduleOptions& options,
                  Interference& interference, results::RunWriter& writer) {
  for (auto& task : tasks) {
    task.measured = {task.probe->name, task.what.parameters, task.what.work, results::Samples{}};
  }
  if (options.before != nullptr) take_up(tasks, *options.before);
  Schedule(tasks, options, interference, writer).run();
}

}  // namespace limen::probes
