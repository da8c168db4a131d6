#include "results/gate.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "results/statistics.hpp"

namespace limen::results {
namespace {

std::int64_t integer(const Measurement& m, const char* name, std::int64_t otherwise) {
  const auto at = m.parameters.find(name);
  if (at == m.parameters.end()) return otherwise;
  const auto* value = std::get_if<std::int64_t>(&at->second);
  return value != nullptr ? *value : otherwise;
}
std::string word(const Measurement& m, const char* name) {
  const auto at = m.parameters.find(name);
  if (at == m.parameters.end()) return {};
  const auto* value = std::get_if<std::string>(&at->second);
  return value != nullptr ? *value : std::string();
}

struct Times {
  double best, median;
};
std::optional<Times> times(const Measurement& m) {
  const auto* samples = std::get_if<Samples>(&m.outcome);
  if (samples == nullptr) return {};
  auto all = pooled(*samples);
  if (all.empty()) return {};
  std::sort(all.begin(), all.end());
  return Times{all.front(), quantile_of_sorted(all, 0.5)};
}

double moved(const Measurement& m) { return m.work.moved().in(model::bytes); }
double operations(const Measurement& m) { return m.work.flops.in(model::flops); }

// What a product with weights of a format computes in; a cache is of bf16.
std::string computes_in(const Measurement& m) {
  if (m.probe == "compute.fma") return word(m, "type");
  if (m.probe == "attention") return "bf16";
  const std::string format = word(m, "format");
  if (format == "int8" || format == "int4") return "int16";
  return format == "fp64" || format == "bf16" ? format : "fp32";
}
bool is_product(const Measurement& m) {
  return m.probe == "gemv" || m.probe == "gemm" || m.probe == "attention";
}

class Gate {
 public:
  Gate(const std::vector<Measurement>& all, const GateOptions& options) : all_(all), o_(options) {
    for (const auto& m : all) {
      const auto t = times(m);
      if (!t) continue;
      const auto threads = integer(m, "threads", 1);
      if (m.probe == "memory.stream" && word(m, "kernel") == "read") {
        const auto bytes = integer(m, "bytes", 0);
        const double rate = moved(m) / t->best;
        reads_[threads][bytes] = rate;
        double& a_core = reads_of_a_core_[bytes / std::max<std::int64_t>(1, threads)];
        a_core = std::max(a_core, rate / static_cast<double>(std::max<std::int64_t>(1, threads)));
      }
      if (m.probe == "compute.fma") fma_[{threads, word(m, "type")}] = operations(m) / t->best;
    }
  }

  std::vector<Refused> refused() const {
    std::vector<Refused> out;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if (const auto t = times(all_[i])) {
        auto why = absolute(all_[i], *t);
        if (why.empty()) why = relative(all_[i], *t);
        if (!why.empty()) out.push_back({i, why});
      }
    }
    return out;
  }

 private:
  std::string absolute(const Measurement& m, const Times& t) const {
    const double cores = static_cast<double>(std::max<std::int64_t>(1, integer(m, "threads", 1)));
    const double bytes = moved(m) / t.best / cores, flops = operations(m) / t.best / cores;
    const std::string type = computes_in(m);
    const double most_flops = o_.flops_per_cycle *
                              (type == "fp64"   ? 0.5
                               : type == "fp32" ? 1
                                                : 2) *
                              o_.core_hertz;
    if (bytes > o_.bytes_per_cycle * o_.core_hertz) {
      return fmt::format("impossible: {:.0f} GB/s a core, no core moves more than {:.0f}",
                         bytes / 1e9, o_.bytes_per_cycle * o_.core_hertz / 1e9);
    }
    if (flops > most_flops) {
      return fmt::format("impossible: {:.0f} Gflop/s a core, no core does more than {:.0f}",
                         flops / 1e9, most_flops / 1e9);
    }
    if (m.probe == "memory.latency" && t.best * o_.core_hertz < 1) {
      return fmt::format("impossible: {:.3f} ns a hop, less than a cycle", t.best * 1e9);
    }
    return {};
  }

  std::string relative(const Measurement& m, const Times& t) const {
    const auto threads = std::max<std::int64_t>(1, integer(m, "threads", 1));
    const double rate = moved(m) / t.median;
    const bool product = is_product(m);
    if (const auto reads = reads_.find(threads); reads != reads_.end()) {
      double ceiling = 0;
      std::string what = "the best read of any size";
      for (const auto& [bytes, best] : reads_of_a_core_) {
        if (m.probe == "memory.stream" && word(m, "kernel") == "read" &&
            bytes >= integer(m, "bytes", 0) / threads)
          break;
        ceiling = std::max(ceiling, best * static_cast<double>(threads));
      }
      if (m.probe == "memory.stream" && word(m, "kernel") != "read") {
        ceiling *= 2;
        what = "twice the best read";
      } else if (product && word(m, "residence") == "cold") {
        ceiling = 0;
        const auto largest = reads->second.rbegin()->first;
        for (const auto& [bytes, best] : reads->second) {
          if (bytes >= largest / 4) ceiling = std::max(ceiling, best);
        }
        what = "the best read from memory";
      } else if (!product && m.probe != "memory.stream") {
        ceiling = 0;
      } else if (m.probe == "memory.stream") {
        what = "the best read of a smaller working set";
      }
      if (ceiling > 0 && rate > o_.margin * ceiling) {
        return fmt::format("impossible here: {:.1f} GB/s is above {}, {:.1f} GB/s", rate / 1e9,
                           what, ceiling / 1e9);
      }
    }
    std::string type = computes_in(m);
    if (type == "bf16" && fma(threads, "fp32") > fma(threads, type)) type = "fp32";
    const double peak = fma(threads, type);
    const double flops = operations(m) / t.median;
    if (product && peak > 0 && flops > o_.margin * peak) {
      return fmt::format(
          "impossible here: {:.0f} Gflop/s is above the peak of {} multiply-adds, {:.0f}",
          flops / 1e9, type, peak / 1e9);
    }
    return {};
  }

  double fma(std::int64_t threads, const std::string& type) const {  // 0: not measured
    const auto at = fma_.find({threads, type});
    return at == fma_.end() ? 0 : at->second;
  }

  const std::vector<Measurement>& all_;
  const GateOptions& o_;
  std::map<std::int64_t, std::map<std::int64_t, double>> reads_;  // best rate by threads and bytes
  std::map<std::int64_t, double> reads_of_a_core_;  // best rate of a thread, by bytes of a thread
  std::map<std::pair<std::int64_t, std::string>, double> fma_;  // best rate by threads and type
};

}  // namespace

std::vector<Refused> gate(const std::vector<Measurement>& measurements,
                          const GateOptions& options) {
  return Gate(measurements, options).refused();
}

}  // namespace limen::results
