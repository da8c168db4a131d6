// Runs of a machine that is made up, so that its parameters are known.
#pragma once

#include <cmath>
#include <map>
#include <string>

#include "model/format.hpp"
#include "results/store.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::tests {

struct MadeLaw {
  double efficiency = 0.9, fixed = 2e-6, unpack = 20e-12, rate = 300e9;
};

struct MadeMachine {
  int threads = 2;
  double bandwidth = 60e9;  // of memory, all threads
  double fp32 = 500e9, int16 = 1000e9;
  std::map<std::string, MadeLaw> laws = {{"fp32", {0.9, 2e-6, 15e-12, 400e9}},
                                         {"bf16", {0.85, 2e-6, 12e-12, 350e9}},
                                         {"int8", {0.8, 2e-6, 9e-12, 700e9}},
                                         {"int4", {0.75, 2e-6, 7.5e-12, 650e9}}};
  // All-reduce: one line up to 64 KiB, another beyond.
  double alpha = 400e-9, beta = 400e-12, far_alpha = 15e-6, far_beta = 150e-12;
  double floor = 50e-9, barrier = 200e-9, hop = 600e-9, hop_bandwidth = 10e9;

  double read_rate(double bytes) const {
    const double share = bytes / threads;
    return share <= 32e3 ? 800e9 : share <= 1e6 ? 400e9 : share <= 16e6 ? 200e9 : bandwidth;
  }
};

class MadeRun {
 public:
  explicit MadeRun(Noise noise = {.drift = 0.01, .scatter = 0.01, .outliers = 0.05})
      : noise_(noise), random_(noise.seed) {
    run.directory = "made";
    run.provenance.host = "made";
    run.provenance.cpu_model = "made up";
    run.provenance.memory_bytes = 64'000'000'000;
    run.provenance.memory_limit_bytes = 32'000'000'000;
    run.provenance.processing_units = {0, 1};
  }

  void add(const std::string& probe, const results::Parameters& parameters, double seconds,
           double bytes, double flops = 0) {
    run.measurements.push_back({probe,
                                parameters,
                                {model::bytes(bytes), model::bytes(0.0), model::flops(flops)},
                                noisy(seconds, noise_, random_)});
  }

  void add_memory(const MadeMachine& m) {
    for (double bytes = 16384.0 * m.threads; bytes < 1.2e9; bytes *= 2)
      add("memory.stream",
          {{"kernel", std::string("read")},
           {"threads", std::int64_t{m.threads}},
           {"bytes", std::int64_t(bytes)}},
          bytes / m.read_rate(bytes), bytes);
    for (double bytes = 16384; bytes < 5e8; bytes *= 2)
      add("memory.latency", {{"bytes", std::int64_t(bytes)}},
          bytes <= 32e3   ? 1e-9
          : bytes <= 1e6  ? 4e-9
          : bytes <= 16e6 ? 15e-9
                          : 100e-9,
          64);
  }
  void add_peaks(const MadeMachine& m) {
    for (const auto& [type, rate] : {std::pair{"fp32", m.fp32}, {"int16", m.int16}})
      add("compute.fma", {{"type", std::string(type)}, {"threads", std::int64_t{m.threads}}},
          1e6 / rate, 0, 1e6);
  }
  void add_product(const MadeMachine& m, model::Format format, double rows, double cols,
                   double tokens, bool cold) {
    const MadeLaw& law = m.laws.at(model::name(format));
    const double weights = rows * cols,
                 bytes = weights * model::weight_bytes(format) + 4 * (rows + cols) * tokens;
    const double compute = weights * law.unpack + 2 * weights * tokens / law.rate;
    const double memory = cold ? bytes / (law.efficiency * m.bandwidth) : 0;
    add(tokens > 1 ? "gemm" : "gemv",
        {{"format", std::string(model::name(format))},
         {"rows", std::int64_t(rows)},
         {"cols", std::int64_t(cols)},
         {"tokens", std::int64_t(tokens)},
         {"threads", std::int64_t{m.threads}},
         {"residence", std::string(cold ? "cold" : "cached")}},
        law.fixed + std::max(memory, compute), bytes, 2 * weights * tokens);
  }
  void add_linear(const MadeMachine& m, model::Format format) {
    for (const auto& [rows, cols] : {std::pair{512, 512},
                                     {1024, 1024},
                                     {2048, 2048},
                                     {4096, 4096},
                                     {14336, 4096},
                                     {8192, 28672}})
      add_product(m, format, rows, cols, 1, true);
    for (double rows : {4096.0, 14336.0})
      for (double tokens : {2.0, 4.0, 8.0, 16.0, 32.0, 64.0})
        add_product(m, format, rows, 4096, tokens, true);
    add_product(m, format, 128, 2048, 1, false);
  }
  void add_sync(const MadeMachine& m) {
    add("sync.pingpong",
        {{"threads", std::int64_t{2}}, {"first", std::int64_t{0}}, {"second", std::int64_t{1}}},
        m.floor, 0);
    add("sync.barrier", {{"threads", std::int64_t{2}}}, m.barrier, 0);
    for (double bytes = 8; bytes < 2e7; bytes *= 2) {
      const bool far = bytes > 65536;
      add("mpi.allreduce", {{"ranks", std::int64_t{2}}, {"bytes", std::int64_t(bytes)}},
          far ? m.far_alpha + m.far_beta * bytes : m.alpha + m.beta * bytes, bytes);
      add("mpi.pingpong", {{"ranks", std::int64_t{2}}, {"bytes", std::int64_t(bytes)}},
          m.hop + bytes / m.hop_bandwidth, bytes);
    }
  }
  void add_all(const MadeMachine& m) {
    add_memory(m);
    add_peaks(m);
    for (const auto format :
         {model::Format::fp32, model::Format::bf16, model::Format::int8, model::Format::int4})
      add_linear(m, format);
    add_sync(m);
  }

  results::Run run;

 private:
  Noise noise_;
  std::mt19937_64 random_;
};

}  // namespace limen::tests
