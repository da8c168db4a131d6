// The export that looks like the output of STREAM.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "model/error.hpp"
#include "results/export.hpp"
#include "results/statistics.hpp"
#include "results/timed.hpp"

namespace limen::results {

namespace {

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
    // Of visits: a sample is of a piece of the arrays, which a cache may still hold.
    const std::vector<double> seconds = medians_of(chosen->samples->visits);
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

}  // namespace limen::results
