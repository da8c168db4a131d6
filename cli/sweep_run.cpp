#include "cli/sweep_run.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "probes/interrupt.hpp"

namespace limen::cli {
namespace {

using model::Evaluator;
using model::Figures;
using probes::Interrupt;

constexpr std::uint64_t block = 8 * Figures::most;         // rows that wait together
constexpr std::uint64_t large_block = 64 * Figures::most;  // nothing waits

struct Span {
  std::uint64_t first, end;
};

// The j-th block of a rank, among those that begin at `begin`.
Span span_of(const SweepPlan& p, std::uint64_t begin, std::uint64_t size, std::uint64_t j) {
  const std::uint64_t points = p.grid.points().value();
  const std::uint64_t b = j * std::uint64_t(p.ranks()) + std::uint64_t(p.rank());
  if (b >= (points - begin + size - 1) / size) return {points, points};
  return {begin + b * size, std::min(points, begin + (b + 1) * size)};
}

// Threads that all run f(); what one throws is thrown again by join().
class Team {
 public:
  template <class F>
  Team(unsigned n, const F& f) {
    for (unsigned i = 0; i < n; ++i) {
      threads_.emplace_back([this, f] {
        try {
          f();
        } catch (...) {
          const std::lock_guard lock(mutex_);
          if (!failure_) failure_ = std::current_exception();
        }
      });
    }
  }
  ~Team() {
    for (auto& t : threads_) {
      if (t.joinable()) t.join();
    }
  }
  void join() {
    for (auto& t : threads_) t.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;
};

// Texts made by many threads, taken by one in the order of their numbers.
class Queue {
 public:
  explicit Queue(std::size_t window) : slots_(window) {}

  // The next number to make, once there is room for it; nothing when all is to stop.
  std::optional<std::uint64_t> next() {
    std::unique_lock lock(mutex_);
    const std::uint64_t mine = next_++;
    room_.wait(lock, [&] { return stopped_ || mine < taken_ + slots_.size(); });
    if (stopped_) return {};
    return mine;
  }
  void put(std::uint64_t number, std::string text) {
    const std::lock_guard lock(mutex_);
    slots_[number % slots_.size()] = std::move(text);
    ready_.notify_all();
  }
  // The text of that number, which is the one after the last; nothing if a signal came or a thread
  // failed.
  std::optional<std::string> take(std::uint64_t number) {
    std::unique_lock lock(mutex_);
    auto& slot = slots_[number % slots_.size()];
    while (!slot) {
      if (Interrupt::asked() || stopped_) return {};
      ready_.wait_for(lock, std::chrono::milliseconds(50));
    }
    std::optional<std::string> text = std::exchange(slot, {});
    taken_ = number + 1;
    room_.notify_all();
    return text;
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    room_.notify_all();
    ready_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable room_, ready_;
  std::vector<std::optional<std::string>> slots_;
  std::uint64_t next_ = 0, taken_ = 0;
  bool stopped_ = false;
};

// What a rank that was interrupted sends in place of rows, which are never this.
const std::string interrupted(1, '\0');

// Makes the blocks of this rank until there are no more, or the queue is stopped.
void make_rows(const SweepPlan& p, std::uint64_t begin, Queue& queue) {
  Evaluator evaluator(p.grid);
  Rows rows(p.grid, p.json);
  const auto figures = std::make_unique<Figures>();
  while (const auto j = queue.next()) {
    const Span span = span_of(p, begin, block, *j);
    if (span.first == span.end) return;
    std::string text;
    rows.seek(span.first);
    for (std::uint64_t at = span.first; at < span.end; at += Figures::most) {
      const auto n = std::min<std::uint64_t>(Figures::most, span.end - at);
      evaluator.evaluate(at, n, *figures);
      for (std::size_t i = 0; i < n; ++i) {
        p.selection.keeps(*figures, i) ? rows.append(*figures, i, text) : rows.skip();
      }
    }
    queue.put(*j, std::move(text));
  }
}

}  // namespace

unsigned usable_cores() {
  cpu_set_t mine;
  CPU_ZERO(&mine);
  if (sched_getaffinity(0, sizeof mine, &mine) == 0) return unsigned(CPU_COUNT(&mine));
  return std::max(1u, std::thread::hardware_concurrency());
}

std::uint64_t write_rows(const SweepPlan& p, std::uint64_t begin, SweepFile* file) {
  const std::uint64_t points = p.grid.points().value();
  Queue queue(4 * p.threads);
  struct Stop {  // whatever fails, nobody waits for ever
    Queue& queue;
    bool armed = true;
    ~Stop() {
      if (armed) queue.stop();
    }
  };
  Team team(p.threads, [&] {
    Stop stop{queue};
    make_rows(p, begin, queue);
    stop.armed = false;
  });
  std::uint64_t done = begin;
  {
    const Stop stop{queue};
    const std::uint64_t blocks = (points - begin + block - 1) / block, ranks = p.ranks();
    for (std::uint64_t b = 0; b < blocks; ++b) {
      const bool mine = b % ranks == std::uint64_t(p.rank());
      if (!file) {  // not the first rank: what is made goes there
        if (!mine) continue;
        const auto text = queue.take(b / ranks);
        p.link->send(text.value_or(interrupted));
        if (!text) break;
        continue;
      }
      const auto text = mine ? queue.take(b / ranks)
                             : std::optional(p.link->receive(static_cast<int>(b % ranks)));
      if (!text || *text == interrupted) break;
      done = std::min(points, begin + (b + 1) * block);
      file->append(*text, done);
    }
  }
  team.join();
  return done;
}

Reducer reduce(const SweepPlan& p, std::size_t best, const Metric& by) {
  std::atomic<std::uint64_t> next{0};
  std::mutex mutex;
  Reducer all(best, by);
  Team team(p.threads, [&] {
    Evaluator evaluator(p.grid);
    const auto figures = std::make_unique<Figures>();
    Reducer mine(best, by);
    while (!Interrupt::asked()) {
      const Span span = span_of(p, 0, large_block, next++);
      if (span.first == span.end) break;
      for (std::uint64_t at = span.first; at < span.end; at += Figures::most) {
        const auto n = std::min<std::uint64_t>(Figures::most, span.end - at);
        evaluator.evaluate(at, n, *figures);
        for (std::size_t i = 0; i < n; ++i) {
          if (p.selection.keeps(*figures, i)) mine.add(*figures, i, at + i);
        }
      }
      mine.seen(span.end - span.first);
    }
    const std::lock_guard lock(mutex);
    all.merge(mine);
  });
  team.join();
  if (p.link && p.rank() > 0) p.link->send(all.packed());
  if (p.link && p.rank() == 0) {
    for (int r = 1; r < p.ranks(); ++r) all.merge(Reducer::unpacked(p.link->receive(r), best, by));
  }
  return all;
}

}  // namespace limen::cli
