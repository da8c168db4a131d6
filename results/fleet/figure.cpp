#include "results/fleet/figure.hpp"

#include <algorithm>
#include <map>

#include "results/text.hpp"

namespace limen::results::fleet {

namespace {

bool begins(const std::string& text, const char* with) { return text.rfind(with, 0) == 0; }

std::int64_t number(const Figure& f, const char* key) {
  const auto found = f.parameters.find(key);
  const auto* value =
      found == f.parameters.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
  return value ? *value : 0;
}
bool has_word(const Figure& f, const char* key, const char* word) {
  const auto found = f.parameters.find(key);
  return found != f.parameters.end() && results::describe(found->second) == word;
}

struct Largest {
  std::int64_t threads = 0, bytes = 0, tokens = 0;
};

Part part_of(const Figure& f, const Largest& largest) {
  constexpr std::int64_t first_cache = 32 * 1024;  // bytes a thread: no core has a smaller one
  const std::int64_t threads = std::max<std::int64_t>(1, number(f, "threads"));
  const std::int64_t bytes = number(f, "bytes");
  const bool large = bytes * 4 >= largest.bytes;
  if (f.probe == "memory.stream" || f.probe == "memory.latency") {
    if (bytes <= first_cache * threads) return Part::cache;
    if (!large) return Part::other;
    if (f.probe == "memory.latency") return Part::latency;
    return threads == largest.threads ? Part::memory : Part::other;
  }
  if (f.probe == "gemv" && has_word(f, "residence", "cached")) return Part::cache;
  if (f.probe == "compute.fma") return Part::compute;
  // Times between barriers stand beside the better ones, to show the difference.
  if (begins(f.probe, "mpi.")) return f.parameters.count("timing") ? Part::other : Part::link;
  if (f.probe == "gpu.stream") return large ? Part::gpu_memory : Part::other;
  if (f.probe == "gpu.gemm")
    return number(f, "tokens") * 2 >= largest.tokens ? Part::gpu_compute : Part::other;
  for (const char* link : {"gpu.copy", "gpu.peer", "gpu.allreduce", "gpu.nccl"})
    if (f.probe == link) return Part::gpu_link;
  if (begins(f.probe, "device.")) return Part::gpu_link;
  return Part::other;
}

}  // namespace

const char* name_of(Unit unit) {
  return unit == Unit::bytes_per_second ? "B/s" : unit == Unit::flops_per_second ? "FLOP/s" : "s";
}

std::string describe(const Figure& figure) {
  return figure.parameters.empty() ? figure.probe
                                   : figure.probe + " " + results::describe(figure.parameters);
}

std::int64_t nodes_of(const Figure& figure) {
  return std::max<std::int64_t>(1, number(figure, "nodes"));
}

Unit unit_of(const std::string& probe, const model::Work& work) {
  for (const char* p : {"compute.fma", "gemm", "gpu.gemm"})
    if (probe == p && work.flops > model::flops(0.0)) return Unit::flops_per_second;
  for (const char* p : {"memory.stream", "gemv", "gpu.stream", "gpu.gemv", "gpu.copy", "gpu.peer"})
    if (probe == p && work.moved() > model::bytes(0.0)) return Unit::bytes_per_second;
  return Unit::seconds;
}

void set_parts(std::vector<Figure>& figures) {
  std::map<std::string, Largest> largest;
  for (const Figure& f : figures) {
    Largest& of = largest[f.probe];
    of.threads = std::max({of.threads, number(f, "threads"), std::int64_t{1}});
    of.bytes = std::max(of.bytes, number(f, "bytes"));
    of.tokens = std::max(of.tokens, number(f, "tokens"));
  }
  for (Figure& f : figures) f.part = part_of(f, largest[f.probe]);
}

}  // namespace limen::results::fleet
