// Node results made up for tests: what probes of a healthy node would write, with scatter among
// nodes and among samples, and with planted faults.
#pragma once

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "results/records.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::tests {

enum class Fault { none, channel, numa, clock, clock_mark, link, node, fast };

struct MadeNode {
  std::string host = "node1", cpu = "AMD EPYC 9654 96-Core Processor", gpu;
  Fault fault = Fault::none;
  double size = 0.875;  // of the fault: what is left
  std::uint64_t seed = 1;
  double among_nodes = 0.01, among_samples = 0.01;  // scatter, relative
  double speed = 1;                                 // of everything
  int visits = 2, samples = 8;
  std::string started = "2026-11-24T09:00:00Z";
};

// A case with its time on a healthy node, and how a fault divides its speed.
struct MadeCase {
  std::string probe;
  results::Parameters parameters;
  model::Work work;
  double seconds;
  double memory, latency, cache, compute, link;  // 1: it lives of that part
};

inline std::vector<MadeCase> made_cases() {
  using model::bytes, model::flops;
  std::vector<MadeCase> all;
  const std::int64_t threads = 192, large = std::int64_t{192} << 24;
  const auto read = [](double n) { return model::Work{bytes(n), bytes(0.0), flops(0.0)}; };
  for (const char* kernel : {"read", "write", "copy", "triad"}) {
    const auto of = [&](std::int64_t size, std::int64_t t) {
      return results::Parameters{{"kernel", std::string(kernel)}, {"bytes", size}, {"threads", t}};
    };
    all.push_back({"memory.stream", of(large, threads), read(1 << 25), 8.4e-5, 1, 0, 0, 0, 0});
    all.push_back({"memory.stream", of(16384 * threads, threads), read(16384.0 * 192), 1.6e-7, 0, 0,
                   1, 0, 0});
    all.push_back({"memory.stream", of(large, 1), read(1 << 24), 4e-4, 0, 0, 0, 0, 0});
  }
  for (const std::int64_t size :
       {std::int64_t{16384}, std::int64_t{1} << 20, std::int64_t{1} << 28})
    all.push_back({"memory.latency",
                   {{"bytes", size}},
                   {},
                   size < 32768       ? 1.3e-9
                   : size > (1 << 24) ? 1.1e-7
                                      : 5e-9,
                   0,
                   size > (1 << 24) ? 1.0 : 0.0,
                   size < 32768 ? 1.0 : 0.0,
                   0,
                   0});
  for (const char* type : {"fp64", "fp32", "bf16", "int16"})
    all.push_back({"compute.fma",
                   {{"type", std::string(type)}, {"threads", threads}},
                   {bytes(0.0), bytes(0.0), flops(1e9)},
                   2e-4,
                   0,
                   0,
                   0,
                   1,
                   0});
  for (const std::int64_t size : {8, 65536, 1 << 20}) {
    const results::Parameters of{{"bytes", size}, {"ranks", std::int64_t{2}}};
    const double seconds = 1.5e-6 + 8e-11 * static_cast<double>(size);
    all.push_back({"mpi.pingpong", of, read(static_cast<double>(size)), seconds, 0, 0, 0, 0, 1});
    all.push_back(
        {"mpi.allreduce", of, read(static_cast<double>(size)), 2 * seconds, 0, 0, 0, 0, 1});
  }
  return all;
}

// By how much a fault slows a case down.
inline double slowdown(const MadeNode& node, const MadeCase& c) {
  const auto on = [&](double weight, double left) { return weight > 0 ? 1 / left : 1.0; };
  switch (node.fault) {
    case Fault::channel:
      return on(c.memory, node.size);
    case Fault::numa:
      return on(c.memory, node.size) * on(c.latency, node.size);
    case Fault::clock:
    case Fault::clock_mark:
      return on(c.cache, node.size) * on(c.compute, node.size);
    case Fault::link:
      return on(c.link, node.size);
    case Fault::node:
      return 1 / node.size;
    case Fault::fast:
      return node.size;
    case Fault::none:
      break;
  }
  return 1;
}

inline results::Run made_run(const MadeNode& node) {
  static const std::vector<MadeCase> cases = made_cases();
  std::mt19937_64 random(node.seed * 2654435761u + std::hash<std::string>{}(node.host));
  std::normal_distribution<double> normal;
  results::Run run;
  run.directory = node.host;
  results::Provenance& p = run.provenance;
  p.version = "0.1.0";
  p.host = node.host;
  p.cpu_model = node.cpu;
  p.gpu_model = node.gpu;
  p.microcode = "0xa101144";
  p.governor = "performance";
  p.memory_bytes =
      static_cast<std::int64_t>(node.fault == Fault::channel ? 768e9 * node.size : 768e9);
  p.kernel = "Linux 6.1.0";
  p.started = p.finished = node.started;
  const auto mark = [&node](int i) {
    const bool marked = node.fault == Fault::clock_mark && i % 2 == 0;
    return marked ? std::uint32_t{results::clock_changed} : 0u;
  };
  for (const MadeCase& c : cases) {
    const double seconds =
        c.seconds / node.speed * slowdown(node, c) * std::exp(node.among_nodes * normal(random));
    results::Samples samples{{}, "settled"};
    for (int v = 0; v < node.visits; ++v) {
      results::Visit& visit = samples.visits.emplace_back(results::Visit{v + 0.5, 1, {}, {}});
      for (int i = 0; i < node.samples; ++i) {
        visit.seconds.push_back(seconds * std::exp(node.among_samples * normal(random)));
        visit.marks.push_back(mark(i));
      }
    }
    run.measurements.push_back({c.probe, c.parameters, c.work, samples});
  }
  return run;
}

// The same as its files. (A RunWriter would wait for the disk at each of thousands.)
inline void make_node(const std::filesystem::path& directory, const MadeNode& node) {
  const results::Run run = made_run(node);
  std::string lines;
  for (const results::Measurement& m : run.measurements) {
    const auto& samples = std::get<results::Samples>(m.outcome);
    for (const results::Visit& visit : samples.visits)
      lines += results::record_line({{m.probe, m.parameters, m.work, {}}, visit}) + "\n";
    lines += results::record_line(
                 {{m.probe, m.parameters, m.work, results::Samples{{}, samples.stop}}, {}}) +
             "\n";
  }
  std::filesystem::create_directories(directory);
  spill(directory / "run.json", results::run_record(run.provenance));
  spill(directory / "samples.jsonl", lines);
}

}  // namespace limen::tests
