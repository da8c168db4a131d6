#include "probes/selfbench.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include <fmt/format.h>

#include "kernels/cpu/plain.hpp"
#include "kernels/cpu/stream.hpp"
#include "model/error.hpp"
#include "probes/bench.hpp"
#include "probes/host.hpp"
#include "probes/interference.hpp"
#include "probes/interrupt.hpp"
#include "probes/product_case.hpp"
#include "probes/references.hpp"
#include "probes/runner.hpp"
#include "probes/topology.hpp"
#include "results/statistics.hpp"

namespace limen::probes {
namespace {

using kernels::Format;

constexpr std::size_t mib = std::size_t{1} << 20;
constexpr double run_seconds = 2e-3;  // of a contestant: shorter than a time slice

double median_of_known(std::vector<double> rates) {
  rates.erase(std::remove_if(rates.begin(), rates.end(), [](double r) { return std::isnan(r); }),
              rates.end());
  return results::median_of(std::move(rates));
}

class Selfbench {
 public:
  Selfbench(const SelfbenchOptions& options, SelfbenchReport& report)
      : options_(options),
        report_(report),
        bench_(topology_,
               {false, options.seed,
                static_cast<std::size_t>(options.memory_share * static_cast<double>(free_memory())),
                0}) {
    if (!blas_.loaded())
      report.notes.push_back(
          "no OpenBLAS: libopenblas.so.0 cannot be loaded (libopenblas0-pthread)");
  }

  void run() {
    bench_.use_data();
    bench_.use_scratch();
    for (const int threads : one_and_all(bench_)) {
      loops_.clear();
      streams(threads);
      products(threads);
      if (blas_.loaded()) blas(threads);
      ContestRules rules;
      rules.seconds = options_.seconds > 0 ? options_.seconds : options_.quick ? 6 : 20;
      rules.least = options_.quick ? 10 : 40;
      rules.seed = options_.seed;
      rules.stop = [] { return Interrupt::asked(); };
      rules.waited = [] { return waiting_seconds(); };
      const double line = line_time(bench_.team());
      contest(loops_, rules);
      if (threads > 1) {
        report_.notes.push_back(fmt::format(
            "a cache line went from CPU to CPU in {:.0f} ns before and {:.0f} ns after the runs "
            "with {} threads; where a hypervisor puts the CPUs decides that, and how much memory "
            "bandwidth they share",
            line * 1e9, line_time(bench_.team()) * 1e9, threads));
      }
      report(threads);
      if (Interrupt::asked()) return;
    }
    for (const int threads : one_and_all(bench_)) {
      if (!likwid(threads)) break;
    }
    report_.interrupted = Interrupt::asked();
  }

 private:
  std::uint64_t* data(int m) { return reinterpret_cast<std::uint64_t*>(bench_.data(m)); }

  // Each run takes the next piece of a working set that no cache holds.
  void streams(int threads) {
    const std::size_t whole =
        std::min(bench_.part(threads), 512 * mib / static_cast<std::size_t>(threads));
    constexpr std::size_t pieces = 8;
    const std::size_t words = whole / pieces / 8;
    const double moved = static_cast<double>(words * 8) * threads;
    for (const bool ours : {true, false}) {
      auto piece = std::make_shared<std::size_t>(0);
      loops_.push_back({ours ? "read" : "plain read", moved, [this, threads, words, ours, piece] {
                          const std::size_t offset = *piece * words;
                          std::atomic<std::uint64_t> sum{0};
                          bench_.team().run(threads, [&](int m) {
                            sum += ours ? kernels::stream_read(data(m) + offset, words)
                                        : kernels::plain_read(data(m) + offset, words);
                          });
                          auto& known = sums_[std::make_pair(threads, *piece)];
                          if (known == 0) known = sum;
                          if (sum != known)
                            throw Error("a read loop returned a wrong checksum", Exit::failed);
                          *piece = (*piece + 1) % pieces;
                        }});
    }
    auto piece = std::make_shared<std::size_t>(0);
    loops_.push_back({"STREAM triad", 0.75 * moved, [this, threads, words, piece] {
                        const std::size_t offset = *piece * words;
                        bench_.team().run(threads, [&](int m) {
                          const auto* b = reinterpret_cast<const double*>(bench_.data(m)) + offset;
                          auto* a = reinterpret_cast<double*>(bench_.scratch(m)) + offset / 2;
                          kernels::plain_triad(a, b, b + words / 4, 3, words / 4);
                        });
                        *piece = (*piece + 1) % pieces;
                      }});
  }

  void products(int threads) {
    std::vector<std::size_t> sizes{1024, 4096, 8192};
    if (options_.quick) sizes = {1024, 4096};
    for (const auto format : kernels::all_formats) {
      for (const std::size_t n : sizes) {
        auto c = std::make_shared<Case>(
            product_case(bench_, {format, n, n}, 1, threads, Residence::cold));
        if (c->prepare())
          continue;  // does not fit; a wrong kernel fails the tests and `limen probe`
        c->warm();
        const double once = time_once([&] { c->execute(1); });
        const auto times = static_cast<std::int64_t>(std::ceil(run_seconds / once));
        loops_.push_back({fmt::format("gemv {} {}", name(format), n),
                          c->work.moved().in(model::bytes) * static_cast<double>(times),
                          [c, times] { c->execute(times); }});
      }
    }
  }

  // OpenBLAS on matrices stored as it likes them, cold as ours: a ring through memory of its own.
  void blas(int threads) {
    if (blas_memory_.size() == 0) {
      blas_memory_ = kernels::Buffer(std::min<std::size_t>(bench_.largest(), 768 * mib));
      const auto all = static_cast<std::size_t>(bench_.all_threads());
      bench_.team().run(bench_.all_threads(), [&](int m) {
        for (auto at = static_cast<std::size_t>(m) * 2 * mib; at < blas_memory_.size();
             at += all * 2 * mib) {
          std::copy_n(
              bench_.data(m) + at % (bench_.part(bench_.all_threads()) / (2 * mib) * (2 * mib)),
              2 * mib, blas_memory_.data() + at);
        }
      });
    }
    std::vector<std::size_t> sizes{1024, 4096, 8192};
    if (options_.quick) sizes = {1024, 4096};
    for (const std::size_t n : sizes) {
      add_blas<float>(Format::fp32, n, threads);
      add_blas<double>(Format::fp64, n, threads);
    }
  }

  template <class T>
  void add_blas(Format format, std::size_t n, int threads) {
    const std::size_t matrix = n * n, ring = blas_memory_.size() / (matrix * sizeof(T));
    if (ring == 0) return;
    auto next = std::make_shared<std::size_t>(0);
    auto y = std::make_shared<std::vector<T>>(n);
    const auto once = [this, next, y, n, matrix, ring, format] {
      blas_.multiply(n, n, blas_memory_.as<T>() + *next * matrix,
                     static_cast<const T*>(bench_.x(format)), y->data());
      *next = (*next + 1) % ring;
    };
    blas_.set_threads(threads);
    once();
    const int times = static_cast<int>(std::ceil(run_seconds / time_once(once)));
    const double bytes = kernels::gemm_work({format, n, n}, 1).moved().in(model::bytes);
    loops_.push_back({fmt::format("OpenBLAS {} {}", name(format), n), bytes * times,
                      [this, once, times, threads] {
                        blas_.set_threads(threads);
                        for (int i = 0; i < times; ++i) once();
                      }});
  }

  const Contestant* find(const std::string& name) const {
    for (const auto& loop : loops_) {
      if (loop.name == name) return &loop;
    }
    return nullptr;
  }

  void row(int threads, const Contestant& ours, const Contestant& theirs, double aim) {
    const Ratio compared = ratio(ours.rates, theirs.rates);
    if (compared.rounds < 5) {
      report_.notes.push_back(fmt::format(
          "{} against {}, {} threads: other work left {} rounds undisturbed, too few to compare",
          ours.name, theirs.name, threads, compared.rounds));
      return;
    }
    report_.rows.push_back({ours.name, theirs.name, threads, median_of_known(ours.rates),
                            median_of_known(theirs.rates), compared, aim});
  }

  void report(int threads) {
    const auto* read = find("read");
    if (read == nullptr || read->rates.empty()) return;
    row(threads, *read, *find("plain read"), 1);
    row(threads, *read, *find("STREAM triad"), 1);
    for (const auto& loop : loops_) {
      if (loop.name.rfind("gemv ", 0) != 0) continue;
      const bool floating = loop.name.find("fp") != std::string::npos;
      const bool small = loop.name.find(" 1024") != std::string::npos;
      const double aim = floating                                               ? 0.92
                         : small || loop.name.find("int4") != std::string::npos ? 0
                                                                                : 0.90;
      row(threads, loop, *read, aim);
      const auto* theirs = find("OpenBLAS" + loop.name.substr(4));
      if (theirs != nullptr)
        row(threads, loop, *theirs,
            floating && loop.name.find("fp32") != std::string::npos ? 1.2 : 0);
    }
  }

  // Alternated runs: likwid in a process of its own, ours for as long beside it.
  bool likwid(int threads) {
    const auto* read = find("read");
    Contestant ours{"read", 0, {}}, theirs{"likwid-bench load_avx512", 0, {}};
    std::vector<Contestant> saved;
    saved.swap(loops_);
    streams(threads);
    read = &loops_.front();
    for (int round = 0; round < (options_.quick ? 5 : 10) && !Interrupt::asked(); ++round) {
      std::optional<double> rate;
      {
        const AffinityKeeper pinned;  // likwid must not inherit our pinning
        topology_.unbind();
        rate = likwid_bench("load_avx512", threads);
      }
      if (!rate) {
        report_.notes.push_back("no likwid-bench with load_avx512 (Debian: likwid)");
        loops_.swap(saved);
        return false;
      }
      // Its figure is the work of about a second over that time, so ours is, too. If we had to wait
      // for a CPU it will have waited as well: such a round says nothing.
      const double waited = waiting_seconds();
      double spent = 0, moved = 0;
      for (; spent < 1; moved += read->work) spent += time_once(read->run);
      if (waiting_seconds() - waited > 0.05 * spent) continue;
      theirs.rates.push_back(*rate);
      ours.rates.push_back(moved / spent);
    }
    row(threads, ours, theirs, 1.2);
    loops_.swap(saved);
    return true;
  }

  SelfbenchOptions options_;
  SelfbenchReport& report_;
  const OpenBlas blas_;  // before the team: its threads must not inherit the pinning
  const Topology topology_;
  Bench bench_;
  kernels::Buffer blas_memory_;
  std::vector<Contestant> loops_;
  std::map<std::pair<int, std::size_t>, std::uint64_t>
      sums_;  // of the read loops, by threads and piece
};

}  // namespace

SelfbenchReport selfbench(const SelfbenchOptions& options) {
  SelfbenchReport report;
  const Interrupt interrupt;
  const AffinityKeeper affinity;
  Selfbench(options, report).run();
  return report;
}

}  // namespace limen::probes
