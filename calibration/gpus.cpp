// GPUs: their probes, in the words that the laws are fitted in. A device is what has a memory of
// its own, so a GPU stands where a CPU host stands, with one "thread".
#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "calibration/laws.hpp"

namespace limen::calibration {

namespace {

void take(Observations& to, const Observation& from, const std::string& probe,
          results::Parameters parameters) {
  to.all.push_back(from);
  to.all.back().probe = probe;
  to.all.back().parameters = std::move(parameters);
}

std::int64_t integer(const Observation& o, const char* key) {
  return static_cast<std::int64_t>(o.number(key));
}

// The fastest case for each value of `key`.
template <class Key>
std::map<decltype(std::declval<Key>()(std::declval<Observation>())), const Observation*> fastest(
    const Cases& cases, Key&& key) {
  std::map<decltype(key(*cases[0])), const Observation*> best;
  for (const Observation* o : cases) {
    const auto [at, is_new] = best.try_emplace(key(*o), o);
    if (!is_new && o->seconds < at->second->seconds) at->second = o;
  }
  return best;
}

// A collective by the names of the probes that do it: of one process, and of ranks.
struct Kind {
  const char *probe, *by_nccl, *of_ranks;
};
constexpr Kind collective_kinds[] = {
    {"mpi.allreduce", "all_reduce", "device.allreduce"},
    {"mpi.allgather", "all_gather", "device.allgather"},
    {"mpi.reducescatter", "reduce_scatter", "device.reducescatter"},
    {"mpi.alltoall", "all_to_all", "device.alltoall"}};

// The fastest way to do it, of one shot, two shots, NCCL and MPI, over as many ranks on as many
// nodes.
void take_collective(Observations& to, const Observations& from, const Kind& kind) {
  Cases ways = from.of(kind.of_ranks);
  const auto add = [&ways](const Cases& more) {
    ways.insert(ways.end(), more.begin(), more.end());
  };
  add(from.where("gpu.nccl",
                 [&](const Observation& o) { return o.is("collective", kind.by_nccl); }));
  if (std::string(kind.probe) == "mpi.allreduce")
    add(from.where("gpu.allreduce", [](const Observation& o) { return o.is("sent", "graph"); }));
  for (const auto& [what, o] : fastest(ways, [](const Observation& c) {
         return std::tuple{integer(c, "ranks"), integer(c, "nodes"), integer(c, "bytes")};
       })) {
    const auto [ranks, nodes, bytes] = what;
    results::Parameters parameters{{"ranks", ranks}, {"bytes", bytes}};
    if (nodes > 1) parameters["nodes"] = nodes;
    take(to, *o, kind.probe, std::move(parameters));
  }
}

}  // namespace

bool has_gpus(const Observations& observed) {
  return !observed.where("gpu.stream", [](const Observation& o) { return o.is("kernel", "read"); })
              .empty();
}

Observations as_devices(const Observations& observed) {
  Observations out;
  out.notes = observed.notes;
  out.processing_units = 1;
  out.of_gpus = true;
  const Cases streams = observed.of("gpu.stream");
  std::int64_t first = 1000;  // the device that every probe ran on
  for (const Observation* o : streams) first = std::min(first, integer(*o, "device"));
  const Cases reads = observed.where("gpu.stream", [first](const Observation& o) {
    return o.is("kernel", "read") && integer(o, "device") == first;
  });
  // Over grid sizes: the best that a size was read at.
  for (const auto& [bytes, o] :
       fastest(reads, [](const Observation& c) { return integer(c, "bytes"); }))
    take(out, *o, "memory.stream",
         {{"kernel", std::string("read")}, {"threads", std::int64_t{1}}, {"bytes", bytes}});
  for (const Observation* o : observed.of("gpu.latency"))
    take(out, *o, "memory.latency", {{"bytes", integer(*o, "bytes")}});
  compare_products(observed, out.notes);
  const std::string half = sixteen_bits(observed);
  if (half != "bf16")
    out.notes.push_back("linear.bf16: from fp16, as no gpu.gemv format=bf16 was measured");
  for (const char* product : {"gemv", "gemm"}) {
    for (const Observation* o : observed.of(std::string("gpu.") + product)) {
      // As engines send them; a launch from the host for each would be the host's time. One token
      // is our own kernel's: what cuBLASLt does with it is a reference.
      if (!o->is("sent", "graph")) continue;
      // Its integers have integers for x as well: another product than that of int8 weights.
      if (o->is("by", "cuBLASLt") && (o->number("tokens") <= 1 || o->is("format", "int8")))
        continue;
      take(out, *o, product,
           {{"format", o->is("format", half) ? "bf16" : o->word("format")},
            {"rows", integer(*o, "rows")},
            {"cols", integer(*o, "cols")},
            {"tokens", std::max<std::int64_t>(1, integer(*o, "tokens"))},
            {"threads", std::int64_t{1}},
            {"residence", o->word("residence")}});
    }
  }
  // Between devices where there are several; else between two blocks of one.
  for (const Observation* o : observed.of("gpu.attention"))
    if (o->is("format", "bf16"))
      take(out, *o, "attention",
           {{"batch", integer(*o, "sequences")},
            {"kv_heads", integer(*o, "kv_heads")},
            {"group", integer(*o, "heads_per_kv")},
            {"head_dim", std::int64_t{128}},
            {"context", integer(*o, "context")},
            {"threads", std::int64_t{1}},
            {"residence", o->word("residence")}});
  const Cases flags = observed.of("gpu.pingpong");
  const bool several = std::any_of(flags.begin(), flags.end(), [](const Observation* o) {
    return integer(*o, "peer") != integer(*o, "device");
  });
  for (const Observation* o : flags)
    if (!several || integer(*o, "peer") != integer(*o, "device"))
      take(out, *o, "sync.pingpong",
           {{"threads", std::int64_t{2}},
            {"first", integer(*o, "device")},
            {"second", integer(*o, "peer")}});
  for (const Observation* o : observed.of("gpu.barrier"))
    take(out, *o, "sync.barrier", {{"threads", integer(*o, "blocks")}});
  for (const Observation* o : observed.of("gpu.fma"))
    take(out, *o, "compute.fma", {{"type", o->word("type")}, {"threads", std::int64_t{1}}});
  for (const Observation* o : observed.of("gpu.energy")) out.all.push_back(*o);
  for (const Kind& kind : collective_kinds) take_collective(out, observed, kind);
  // Within a node the copy itself, where it was measured; between nodes what MPI makes of it.
  const Cases copies = observed.of("gpu.peer");
  for (const auto& [bytes, o] :
       fastest(copies, [](const Observation& c) { return integer(c, "bytes"); }))
    take(out, *o, "mpi.pingpong", {{"ranks", std::int64_t{2}}, {"bytes", bytes}});
  for (const Observation* o : observed.of("device.pingpong")) {
    results::Parameters parameters{{"ranks", std::int64_t{2}}, {"bytes", integer(*o, "bytes")}};
    if (o->number("nodes") > 1) parameters["nodes"] = integer(*o, "nodes");
    if (copies.empty() || o->number("nodes") > 1) take(out, *o, "mpi.pingpong", parameters);
  }
  return out;
}

void fit_gpu_peaks(const Observations& observed, Draft& draft) {
  model::Machine& m = draft.machine;
  const auto fastest_of = [&](const Cases& cases) {
    std::optional<model::Parameter<model::FlopsPerSecond>> best;
    for (const Observation* o : cases) {
      const double flops = o->work.flops.in(model::flops);
      if (flops <= 0) continue;
      if (best && best->value.in(model::flops_per_second) >= flops / o->best) continue;
      best = parameter(draft, model::flops_per_second, flops / o->best,
                       {flops / o->seconds, flops / o->best}, model::Evidence::measured);
    }
    return best;
  };
  const auto peak = [&](const std::string& format) {
    return fastest_of(
        observed.where("gemm", [&](const Observation& o) { return o.is("format", format); }));
  };
  const auto set = [&](model::Format f, const auto& p) { m.compute[static_cast<int>(f)] = p; };
  // Weights of 8 and 4 bits are widened and multiplied in bf16.
  const auto half = peak("bf16"), eight = peak("fp8");
  for (const auto f : {model::Format::bf16, model::Format::int8, model::Format::int4}) set(f, half);
  set(model::Format::fp8, eight);
  if (!half)
    m.unidentified.emplace_back(
        "compute.bf16, compute.int8, compute.int4: no gpu.gemm format=bf16 was measured");
  if (!eight) m.unidentified.emplace_back("compute.fp8: no gpu.gemm format=fp8 was measured");
  // What is no product of matrices is computed by the units that multiply fp32.
  m.compute_scalar = fastest_of(observed.of("compute.fma"));
  set(model::Format::fp32, m.compute_scalar);
  if (!m.compute_scalar)
    m.unidentified.emplace_back("compute.scalar, compute.fp32: no gpu.fma was measured");
}

}  // namespace limen::calibration
