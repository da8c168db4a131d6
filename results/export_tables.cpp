// The exports that look like the output of STREAM and of the OSU benchmarks.
#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "model/error.hpp"
#include "results/export.hpp"
#include "results/statistics.hpp"
#include "results/text.hpp"

namespace limen::results {

namespace {

struct Timed {
  const Measurement* measurement;
  const Samples* samples;

  std::int64_t number(const std::string& key) const {
    const auto found = measurement->parameters.find(key);
    if (found == measurement->parameters.end()) return 0;
    const auto* value = std::get_if<std::int64_t>(&found->second);
    return value ? *value : 0;
  }
  std::string word(const std::string& key) const {
    const auto found = measurement->parameters.find(key);
    return found == measurement->parameters.end() ? "" : describe(found->second);
  }
};

std::vector<Timed> timed(const Run& run, const std::string& probe) {
  std::vector<Timed> found;
  for (const Measurement& m : run.measurements)
    if (const auto* samples = std::get_if<Samples>(&m.outcome); samples && m.probe == probe)
      found.push_back({&m, samples});
  return found;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

std::string to_stream(const Run& run) {
  const std::string rule(61, '-');
  std::string rows;
  std::int64_t threads = 0;
  for (const auto& [kernel, name] :
       {std::pair{"copy", "Copy:"}, {"triad", "Triad:"}, {"read", "Read:"}, {"write", "Write:"}}) {
    const Timed* chosen = nullptr;
    const std::vector<Timed> all = timed(run, "memory.stream");
    for (const Timed& t : all) {
      const auto size = [](const Timed& x) {
        return std::pair(x.number("threads"), x.number("bytes"));
      };
      if (t.word("kernel") == kernel && (!chosen || size(t) > size(*chosen))) chosen = &t;
    }
    if (!chosen) continue;
    const std::vector<double> seconds = pooled(*chosen->samples);
    const auto [least, most] = std::minmax_element(seconds.begin(), seconds.end());
    threads = std::max(threads, chosen->number("threads"));
    const double megabytes = chosen->measurement->work.moved().in(model::megabytes);
    rows += fmt::format("{:<12}{:11.1f}  {:11.6f}  {:11.6f}  {:11.6f}\n", name, megabytes / *least,
                        mean(seconds), *least, *most);
  }
  if (rows.empty())
    throw Error(run.directory.string() +
                ": holds no memory.stream samples to print as STREAM does");
  const std::string team =
      threads > 0 ? fmt::format("{}\nNumber of Threads counted = {}\n", rule, threads) : "";
  return team + rule + "\nFunction    Best Rate MB/s  Avg time     Min time     Max time\n" + rows +
         rule + "\n";
}

std::string to_osu(const Run& run) {
  struct Kind {
    const char *probe, *count, *title, *heading;
  };
  constexpr Kind kinds[] = {
      {"mpi.allreduce", "ranks", "MPI Allreduce Latency", "Avg Latency(us)"},
      {"mpi.pingpong", "ranks", "MPI Latency", "Latency (us)"},
      {"mpi.barrier", "ranks", "MPI Barrier Latency", "Avg Latency(us)"},
      {"sync.allreduce", "threads", "Allreduce Latency of threads", "Avg Latency(us)"}};
  std::string out;
  for (const Kind& kind : kinds) {
    struct Microseconds {
      double mean, median;
    };
    std::map<std::int64_t, std::map<std::int64_t, Microseconds>> tables;  // by ranks, by size
    for (const Timed& t : timed(run, kind.probe)) {
      const std::vector<double> seconds = pooled(*t.samples);
      tables[t.number(kind.count)][t.number("bytes")] = {mean(seconds) * 1e6,
                                                         median_of(seconds) * 1e6};
    }
    for (const auto& [count, rows] : tables) {
      out += fmt::format("# OSU-style {} (limen {}), {} {}\n", kind.title, run.provenance.version,
                         count, kind.count);
      const bool sizes = rows.size() > 1 || rows.begin()->first > 0;
      // The second column is that of its option -z 50.
      out += fmt::format("{}{:>20}\n",
                         sizes ? fmt::format("{:<10}{:>20}", "# Size", kind.heading)
                               : fmt::format("# {}", kind.heading),
                         "P50 Tail Lat(us)");
      for (const auto& [size, us] : rows)
        out += fmt::format("{}{:>20.2f}\n",
                           sizes ? fmt::format("{:<10}{:>20.2f}", size, us.mean)
                                 : fmt::format("{:>17.2f}", us.mean),
                           us.median);
      out += '\n';
    }
  }
  if (out.empty())
    throw Error(run.directory.string() +
                ": holds no all-reduce or ping-pong samples to print as OSU does");
  return out;
}

}  // namespace limen::results
