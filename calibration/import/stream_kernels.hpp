// The kernels of STREAM and BabelStream: which arrays they read and write, and which of them
// memory.stream asks for, too.
#pragma once

#include <string>
#include <string_view>

#include "calibration/import/formats.hpp"

namespace limen::calibration::importing {

struct StreamKernel {
  const char* name;           // in lower case
  const char* ours;           // of memory.stream; "": it has no such
  int arrays, read, written;  // arrays there are, are read, are written
  int flops;                  // an element
};
// dot reads two arrays and adds up, which is what the kernel `read` does.
inline constexpr StreamKernel stream_kernels[] = {
    {"copy", "copy", 2, 1, 1, 0}, {"mul", "", 2, 1, 1, 1},        {"scale", "", 2, 1, 1, 1},
    {"add", "", 3, 2, 1, 1},      {"triad", "triad", 3, 2, 1, 2}, {"dot", "read", 2, 2, 0, 2},
    {"nstream", "", 3, 3, 1, 3},  {"read", "read", 1, 1, 0, 0},   {"write", "write", 1, 0, 1, 0}};

inline const StreamKernel* stream_kernel(std::string_view name) {
  for (const StreamKernel& k : stream_kernels)
    if (name == k.name) return &k;
  return nullptr;
}

// One row: the mean under the probe's name, the shortest and the longest under the tool's.
struct StreamRow {
  const StreamKernel* kernel;
  double array_bytes;        // of one array; 0: unknown, then
  double moved;              // bytes that one execution moves
  double element = 8;        // bytes of an element
  double mean, best, worst;  // seconds
  std::int64_t executions;   // that the mean is of
  Place place;
};

inline void collect(const StreamRow& row, const std::string& tool, const Unsaid& unsaid,
                    Collector& into) {
  const StreamKernel& k = *row.kernel;
  const double array = row.array_bytes > 0 ? row.array_bytes : row.moved / (k.read + k.written);
  About about{*k.ours ? "memory.stream" : tool + "." + k.name,
              {},
              moves(array * k.read, array * k.written, array / row.element * k.flops)};
  if (*k.ours) about.parameters["kernel"] = std::string(k.ours);
  if (unsaid.threads) about.parameters["threads"] = *unsaid.threads;
  if (row.array_bytes > 0)
    about.parameters["bytes"] = static_cast<std::int64_t>(row.array_bytes * k.arrays);
  into.add(about, {row.mean}, row.executions, row.place);
  about.probe = tool + "." + k.name;
  about.parameters.erase("kernel");
  for (const auto& [statistic, seconds] : {std::pair{"best", row.best}, {"worst", row.worst}}) {
    about.parameters["statistic"] = std::string(statistic);
    into.add(about, {seconds}, 1, row.place);
  }
}

}  // namespace limen::calibration::importing
