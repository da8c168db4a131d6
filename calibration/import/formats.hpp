// The formats that can be imported, in one table: a file each, named after the tool.
//
// Whatever the tool, one figure a case goes under the name of limen's probe: the samples themselves
// where the file has them, else the median, else the mean (with `inner`, how many executions it is
// a mean of). Other statistics, and what no probe of limen measures, go under the tool's own name,
// as "osu.allreduce_latency" or "babelstream.add"; calibration takes no notice of those.
#pragma once

#include <optional>
#include <span>

#include "calibration/import/collector.hpp"

namespace limen::calibration::importing {

// What some tools do not print and only the user knows.
struct Unsaid {
  std::optional<std::int64_t> ranks, threads;
};

struct Format {
  const char* name;
  const char* units;  // what its figures are in, for the help text
  bool (*recognises)(const Source& source);
  // Error (file, line) on anything malformed.
  void (*read)(const Source& source, const Unsaid& unsaid, Collector& into);
};

std::span<const Format> formats();

extern const Format gbench, nvbandwidth, nccl_tests, osu, babelstream, stream, llama_bench;

// The format of that name, or the one that recognises the text. Error if there is none.
const Format& format_named(const std::string& name);
const Format& format_of(const Source& source);

}  // namespace limen::calibration::importing
