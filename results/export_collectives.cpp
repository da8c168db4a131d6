// The exports that look like the output of the OSU benchmarks and of nccl-tests.
//
// Both count the same collectives by different sizes. limen and nccl-tests name the longest vector
// at a rank; OSU names what a rank contributes to an all-gather, and one of the p messages of an
// all-to-all.
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "model/error.hpp"
#include "results/export.hpp"
#include "results/statistics.hpp"
#include "results/timed.hpp"

namespace limen::results {

namespace {

struct Kind {
  const char *probe, *count;         // the parameter that counts who takes part
  const char *osu, *osu_heading;     // what OSU calls it and its column; null: nothing
  bool osu_names_block;              // OSU's size is a p-th of ours
  const char *nccl, *reduction;      // what nccl-tests calls it; null: nothing
  bool nccl_counts_block;            // its count is of elements at one rank
  double (*bus)(double ranks);       // its bus bandwidth over its algorithm bandwidth
  const char* collective = nullptr;  // where the probe has several
};

double once(double) { return 1; }
double shared(double p) { return (p - 1) / p; }
double twice(double p) { return 2 * (p - 1) / p; }

constexpr const char* average = "Avg Latency(us)";
constexpr Kind kinds[] = {
    {"mpi.allreduce", "ranks", "MPI Allreduce", average, false, "all_reduce", "sum", false, twice},
    {"mpi.allgather", "ranks", "MPI Allgather", average, true, "all_gather", "none", true, shared},
    {"mpi.reducescatter", "ranks", "MPI Reduce_scatter", average, false, "reduce_scatter", "sum",
     true, shared},
    {"mpi.alltoall", "ranks", "MPI All-to-All Personalized Exchange", average, true, "alltoall",
     "none", true, shared},
    {"mpi.broadcast", "ranks", "MPI Broadcast", average, false, "broadcast", "none", false, once},
    {"mpi.pingpong", "ranks", "MPI", "Latency (us)", false, nullptr, "none", false, once},
    {"mpi.exchange", "ranks", "MPI Sendrecv", average, false, "sendrecv", "none", false, once},
    {"mpi.barrier", "ranks", "MPI Barrier", average, false, nullptr, "none", false, once},
    {"device.allreduce", "ranks", "MPI-CUDA Allreduce", average, false, "all_reduce", "sum", false,
     twice},
    {"device.allgather", "ranks", "MPI-CUDA Allgather", average, true, "all_gather", "none", true,
     shared},
    {"device.reducescatter", "ranks", "MPI-CUDA Reduce_scatter", average, false, "reduce_scatter",
     "sum", true, shared},
    {"device.alltoall", "ranks", "MPI-CUDA All-to-All Personalized Exchange", average, true,
     "alltoall", "none", true, shared},
    {"device.broadcast", "ranks", "MPI-CUDA Broadcast", average, false, "broadcast", "none", false,
     once},
    {"device.pingpong", "ranks", "MPI-CUDA", "Latency (us)", false, nullptr, "none", false, once},
    {"device.exchange", "ranks", "MPI-CUDA Sendrecv", average, false, "sendrecv", "none", false,
     once},
    {"gpu.allreduce", "ranks", "MPI-CUDA Allreduce", average, false, "all_reduce", "sum", false,
     twice},
    {"gpu.nccl", "ranks", nullptr, nullptr, false, "all_reduce", "sum", false, twice, "all_reduce"},
    {"gpu.nccl", "ranks", nullptr, nullptr, false, "all_gather", "none", true, shared,
     "all_gather"},
    {"gpu.nccl", "ranks", nullptr, nullptr, false, "reduce_scatter", "sum", true, shared,
     "reduce_scatter"},
    {"gpu.nccl", "ranks", nullptr, nullptr, false, "alltoall", "none", true, shared, "all_to_all"},
    {"sync.allreduce", "threads", "Allreduce", average, false, nullptr, "sum", false, once}};

// One table: the sizes of a probe that differ in nothing else.
struct Table {
  std::int64_t ranks = 0;
  bool between_barriers = false;
  bool half = false;  // elements of bf16, else of fp32
  std::string rest;   // what sets it apart from others with as many ranks
  std::map<std::int64_t, const Samples*> rows;
};

std::vector<Table> tables_of(const Run& run, const Kind& kind) {
  std::map<std::tuple<std::int64_t, bool, std::string>, Table> tables;
  for (const Timed& t : timed(run, kind.probe)) {
    if (kind.collective != nullptr && t.word("collective") != kind.collective) continue;
    Parameters rest = t.measurement->parameters;
    for (const char* key : {kind.count, "bytes", "timing", "collective"}) rest.erase(key);
    const std::tuple key{t.number(kind.count), t.word("timing") == "barriers", describe(rest)};
    Table& table = tables[key];
    std::tie(table.ranks, table.between_barriers, table.rest) = key;
    // MPI has no type for bf16; GPUs' own all-reduces, which have a kind, move that, and of others'
    // the type is named.
    const std::string type = t.word("type");
    table.half = kind.collective != nullptr || (!t.word("by").empty() && t.word("by") != "MPI") ||
                 !t.word("kind").empty() || type == "half" || type == "bfloat16";
    table.rows[t.number("bytes")] = t.samples;
  }
  std::vector<Table> sorted;
  for (auto& [key, table] : tables) sorted.push_back(std::move(table));
  return sorted;
}

std::string title(const Run& run, const Kind& kind, const Table& table) {
  return fmt::format("(limen {}), {} {}{}{}", run.provenance.version, table.ranks, kind.count,
                     table.rest.empty() ? "" : ", ", table.rest);
}

double mean_us(const Samples& samples) {
  const std::vector<double> seconds = pooled(samples);
  return std::accumulate(seconds.begin(), seconds.end(), 0.0) / double(seconds.size()) * 1e6;
}
double median_us(const Samples& samples) { return median_of(pooled(samples)) * 1e6; }

[[noreturn]] void none(const Run& run, const char* whose) {
  throw Error(fmt::format("{}: holds no samples of a collective or ping-pong to print as {} does",
                          run.directory.string(), whose));
}

}  // namespace

std::string to_osu(const Run& run) {
  std::string out;
  for (const Kind& kind : kinds) {
    if (!kind.osu) continue;
    for (const Table& table : tables_of(run, kind)) {
      out +=
          fmt::format("# OSU-style {} Latency{}{} {}\n", kind.osu,
                      kind.count == std::string("threads") ? " of threads" : "",
                      table.between_barriers ? " between barriers" : "", title(run, kind, table));
      const bool sizes = table.rows.size() > 1 || table.rows.begin()->first > 0;
      // The second column is that of its option -z 50.
      out += fmt::format("{}{:>20}\n",
                         sizes ? fmt::format("{:<10}{:>20}", "# Size", kind.osu_heading)
                               : fmt::format("# {}", kind.osu_heading),
                         "P50 Tail Lat(us)");
      for (const auto& [bytes, samples] : table.rows) {
        const std::int64_t size = kind.osu_names_block ? bytes / table.ranks : bytes;
        out += fmt::format("{}{:>20.2f}\n",
                           sizes ? fmt::format("{:<10}{:>20.2f}", size, mean_us(*samples))
                                 : fmt::format("{:>17.2f}", mean_us(*samples)),
                           median_us(*samples));
      }
      out += '\n';
    }
  }
  if (out.empty()) none(run, "OSU");
  return out;
}

std::string to_nccl_tests(const Run& run) {
  std::string out;
  for (const Kind& kind : kinds) {
    if (!kind.nccl) continue;
    for (const Table& table : tables_of(run, kind)) {
      if (table.between_barriers || table.rows.begin()->first == 0) continue;
      out += fmt::format(
          "# {}_perf of nccl-tests, in its form, from {} {}; time is the median\n"
          "#\n"
          "#                                                              out-of-place\n"
          "#       size         count      type   redop    root     time   algbw   busbw #wrong\n"
          "#        (B)    (elements)                               (us)  (GB/s)  (GB/s)\n",
          kind.nccl, kind.probe, title(run, kind, table));
      for (const auto& [bytes, samples] : table.rows) {
        const double us = median_us(*samples), rate = double(bytes) / us * 1e-3;
        const std::int64_t elements =
            bytes / (table.half ? 2 : 4) / (kind.nccl_counts_block ? table.ranks : 1);
        // Every case was verified before it was timed, or would have no samples.
        out +=
            fmt::format("{:>12}  {:>12}  {:>8}  {:>6}  {:>6}  {:>7.2f} {:>7.2f} {:>7.2f} {:>6}\n",
                        bytes, elements, table.half ? "bfloat16" : "float", kind.reduction,
                        kind.nccl == std::string("broadcast") ? 0 : -1, us, rate,
                        rate * kind.bus(double(table.ranks)), 0);
      }
      out += '\n';
    }
  }
  if (out.empty()) none(run, "nccl-tests");
  return out;
}

}  // namespace limen::results
