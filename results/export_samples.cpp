// The exports that keep every sample.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "results/export.hpp"
#include "results/text.hpp"

namespace limen::results {

using nlohmann::json;

namespace {

std::string benchmark_name(const Measurement& m) {
  std::string name = m.probe;
  for (const auto& [key, value] : m.parameters) name += '/' + key + ':' + describe(value);
  return name;
}

std::int64_t number(const Measurement& m, const std::string& key, std::int64_t otherwise) {
  const auto found = m.parameters.find(key);
  if (found == m.parameters.end()) return otherwise;
  const auto* value = std::get_if<std::int64_t>(&found->second);
  return value ? *value : otherwise;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

}  // namespace

std::string to_gbench(const Run& run) {
  const Provenance& p = run.provenance;
  json benchmarks = json::array();
  int family = 0;
  for (const Measurement& m : run.measurements) {
    const auto* samples = std::get_if<Samples>(&m.outcome);
    if (!samples) continue;
    std::size_t repetitions = 0, index = 0;
    for (const Visit& visit : samples->visits) repetitions += visit.seconds.size();
    for (const Visit& visit : samples->visits) {
      for (double seconds : visit.seconds) {
        json entry{{"name", benchmark_name(m)},
                   {"family_index", family},
                   {"per_family_instance_index", 0},
                   {"run_name", benchmark_name(m)},
                   {"run_type", "iteration"},
                   {"repetitions", repetitions},
                   {"repetition_index", index++},
                   {"threads", number(m, "threads", 1)},
                   {"iterations", visit.inner},
                   {"real_time", seconds * 1e9},
                   {"cpu_time", seconds * 1e9},  // its reader wants one; limen measures wall time
                   {"time_unit", "ns"}};
        const double moved = m.work.moved().in(model::bytes), flops = m.work.flops.in(model::flops);
        if (moved > 0) entry["bytes_per_second"] = moved / seconds;
        if (flops > 0) entry["items_per_second"] = flops / seconds;
        benchmarks.push_back(std::move(entry));
      }
    }
    ++family;
  }
  const json root{{"context",
                   {{"date", p.started},
                    {"host_name", p.host},
                    {"executable", "limen " + p.version},
                    {"num_cpus", p.processing_units.size()},
                    {"mhz_per_cpu", 0},
                    {"cpu_scaling_enabled", !p.governor.empty() && p.governor != "performance"},
                    {"caches", json::array()},
                    {"load_avg", {p.load_before}},
                    {"library_build_type", p.build_type == "Debug" ? "debug" : "release"}}},
                  {"benchmarks", benchmarks}};
  return root.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string to_csv(const Run& run) {
  std::string out =
      "probe,parameters,visit,at_s,sample,seconds,inner,marks,bytes_read,bytes_written,flops\n";
  for (const Measurement& m : run.measurements) {
    const auto* samples = std::get_if<Samples>(&m.outcome);
    if (!samples) continue;
    const std::string about = quoted(m.probe) + ',' + quoted(describe(m.parameters));
    const std::string work =
        fmt::format("{},{},{}", m.work.read.in(model::bytes), m.work.written.in(model::bytes),
                    m.work.flops.in(model::flops));
    for (std::size_t v = 0; v < samples->visits.size(); ++v) {
      const Visit& visit = samples->visits[v];
      for (std::size_t i = 0; i < visit.seconds.size(); ++i) {
        std::string marks;
        if (i < visit.marks.size())
          for (const std::string& name : names_of(visit.marks[i]))
            marks += (marks.empty() ? "" : " ") + name;
        out += fmt::format("{},{},{},{},{},{},{},{}\n", about, v, visit.at, i, visit.seconds[i],
                           visit.inner, marks, work);
      }
    }
  }
  return out;
}

}  // namespace limen::results
