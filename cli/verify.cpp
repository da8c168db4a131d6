// limen verify: does a real decode step take as long as predicted? Probes, calibration, prediction;
// then the step, run and timed on the same machine.
#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "calibration/calibrate.hpp"
#include "cli/commands.hpp"
#include "cli/launched.hpp"
#include "cli/new_run.hpp"
#include "cli/text_table.hpp"
#include "cli/verify_against.hpp"
#include "cli/verify_cases.hpp"
#include "cli/verify_report.hpp"
#include "cli/write_file.hpp"
#include "kernels/cuda/decoder.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/cards/units.hpp"
#include "model/error.hpp"
#include "probes/gpu_decode.hpp"
#include "probes/host.hpp"
#include "probes/run_probes.hpp"
#include "results/store.hpp"

namespace limen::cli {
namespace {

struct Arguments {
  std::vector<std::string> models{"llama-3.2-1b", "llama-3.1-8b", "qwen3-30b-a3b"};
  std::vector<std::string> formats{"bf16", "int8", "int4"}, batches{"1", "8", "64"},
      contexts{"1k", "4k"}, tps{"1", "2"};
  std::string device{"auto"}, svg;
  std::vector<std::string> machines, against;
  double memory_share = 0.4;
  probes::DecodeOptions options;
  bool quick = false, json = false, processes = false;
};

std::vector<std::size_t> counts(const char* option, const std::vector<std::string>& words,
                                long long most) {
  std::vector<std::size_t> out;
  for (const auto& w : words) {
    const long long n = cards::parse_count(w, option);
    if (n > most) throw Error(fmt::format("{}: {} is more than {}", option, w, most));
    out.push_back(static_cast<std::size_t>(n));
  }
  return out;
}

std::vector<model::Format> formats_of(const std::vector<std::string>& words) {
  std::vector<model::Format> out;
  for (const auto& w : words) {
    bool found = false;
    for (model::Format f : {model::Format::bf16, model::Format::int8, model::Format::int4}) {
      if (w != model::name(f)) continue;
      out.push_back(f);
      found = true;
    }
    if (!found)
      throw Error(
          fmt::format("--weights: no decode step with '{}' weights is built; known: bf16, "
                      "int8, int4",
                      w));
  }
  return out;
}

// What a step must read to outgrow every cache several times: by the sweep of the calibration,
// never by what the hypervisor says.
double outgrows_caches(const model::Machine& m) {
  constexpr double times = 8, unknown = 384e6;
  double largest = 0;
  for (const auto& level : m.levels)
    if (level.capacity) largest = std::max(largest, level.capacity->in(model::bytes));
  return largest > 0 ? std::max(unknown, times * largest) : unknown;
}

// The GPUs to decode on; null: the CPU. Error if GPUs are asked for and none can be used.
std::unique_ptr<probes::GpuBench> gpus(const Arguments& a) {
  if (a.device == "cpu") return nullptr;
  std::string why;
  auto bench = probes::GpuBench::open({.quick = true, .memory_share = a.memory_share / 2}, why);
  if (!bench && a.device == "gpu") throw Error("--device gpu: " + why, Exit::nothing_to_run);
  if (!bench) return nullptr;
  for (const auto& line : bench->left_out()) fmt::print(stderr, "limen: {}\n", line);
  for (const auto& d : bench->devices())
    fmt::print(stderr, "limen: decoding on GPU {}, {}{}\n", d.number(), d.properties().name,
               d.properties().emulated ? ": EMULATED by a CPU, its times mean nothing" : "");
  return bench;
}

// Bytes that are free for a decode on each rank.
double free_bytes(probes::GpuBench* bench) {
  if (bench == nullptr) return static_cast<double>(probes::free_memory());
  std::size_t least = SIZE_MAX;
  for (const auto& d : bench->devices())
    least = std::min(least, bench->backend().free_memory(d.number()));
  return static_cast<double>(least);
}

// Probes and calibrates this machine (its GPUs, or its CPUs), with what a decode needs; the run is
// kept among the others.
model::Machine calibrated_here(bool quick, bool on_gpus, const std::string& exchange) {
  probes::PlanOptions plan;
  plan.quick = quick;
  plan.seconds = quick ? 30 : 120;
  plan.names = {"memory.stream", "sync.pingpong", "sync.barrier", "gemv",
                "gemm",          "attention",     "compute.fma"};
  if (on_gpus)
    plan.names = {"gpu.stream",    "gpu.latency",
                  "gpu.gemv",      "gpu.gemm",
                  "gpu.attention", "gpu.launch",
                  "gpu.pingpong",  exchange == "nccl" ? "gpu.nccl" : "gpu.allreduce"};
  auto provenance = probes::describe(plan.seed);
  auto writer = new_run("", provenance);
  const auto directory = writer.directory();
  fmt::print(stderr, "limen: calibrating from probes, into {}\n", directory.string());
  const auto report = probes::run_probes(plan, writer, provenance);
  for (const auto& line : report.invalid) fmt::print(stderr, "limen: invalid: {}\n", line);
  if (report.interrupted) throw Error("interrupted", Exit::failed);
  if (!on_gpus) {
    std::string note;
    probes::MpiPlan ranks = mpi_plan(plan);
    ranks.names = {"mpi.allreduce"};  // what its exchanges are
    ranks.seconds = quick ? 4 : 15;
    probes::run_mpi_probes(ranks, directory, note);
    fmt::print(stderr, "limen: MPI: {}\n", note);
  }
  const auto calibration = calibration::calibrate({results::load_run(directory)}, provenance.host);
  for (const auto& w : calibration.notes) fmt::print(stderr, "limen: {}\n", w);
  return calibration.machine;
}

// Tensor-parallel over `tp` ranks; on the GPUs of the bench, if there is one.
std::vector<std::vector<probes::DecodeTimes>> decode(const Arguments& a, probes::GpuBench* bench,
                                                     const std::vector<probes::DecodeOrder>& orders,
                                                     std::size_t tp, std::string& note) {
  if (bench == nullptr) return probes::decode_here(orders, a.options, static_cast<int>(tp), note);
  if (!a.processes || tp == 1 || tp > bench->devices().size())
    return probes::decode_on_gpus(*bench, orders, a.options, tp, note);
  probes::DecodeOptions options = a.options;
  for (std::size_t i = 0; i < tp; ++i) options.gpus.push_back(bench->devices()[i].number());
  return probes::decode_here(orders, options, static_cast<int>(tp), note);
}

struct Asked {  // an order, and what it stands for
  model::Transformer transformer;
  model::Format format;
  probes::DecodeOrder order;
};

// By number of ranks, what can be run on them. The rest is left out and named; an error if nothing
// is left.
std::vector<std::pair<std::size_t, std::vector<const Asked*>>> jobs_of(
    const std::vector<Asked>& asked, const std::vector<std::size_t>& tps, bool on_gpus) {
  std::vector<std::pair<std::size_t, std::vector<const Asked*>>> jobs;
  std::vector<std::string> refused;
  for (const std::size_t tp : tps) {
    std::vector<const Asked*> those;
    for (const Asked& x : asked) {
      const auto why =
          on_gpus ? gpu::not_for_gpus(x.order.shape, tp) : kernels::unsliceable(x.order.shape, tp);
      const auto line = fmt::format("tp {}: {}: {}", tp, x.transformer.name, why);
      if (why.empty()) {
        those.push_back(&x);
      } else if (refused.empty() || refused.back() != line) {  // as in another format
        refused.push_back(line);
      }
    }
    if (!those.empty()) jobs.emplace_back(tp, those);
  }
  if (jobs.empty()) throw Error("--tp: " + refused.front());
  for (const auto& line : refused) fmt::print(stderr, "limen: left out: {}\n", line);
  return jobs;
}

Exit run(const Arguments& a) {
  const auto formats = formats_of(a.formats);
  const auto batches = counts("--batch", a.batches, 64);
  const auto contexts = counts("--context", a.contexts, 1 << 20);
  const auto tps = counts("--tp", a.tps, 1024);
  std::vector<model::Transformer> models;
  for (const auto& name : a.models) models.push_back(cards::find_model(name));
  std::vector<model::Machine> machines;
  for (const auto& name : a.machines) machines.push_back(cards::find_machine(name));
  const auto bench = a.against.empty() ? gpus(a) : nullptr;
  if (machines.empty())
    machines.push_back(calibrated_here(a.quick, bench != nullptr, a.options.exchange));
  for (const model::Machine& m : machines) {
    for (model::Format f : formats) {
      if (m.law(f).known()) continue;
      throw Error(
          fmt::format("--machine: {} has no law for {} weights; calibrate it from `limen "
                      "probe`",
                      m.name, model::name(f)));
    }
  }
  if (!a.against.empty())
    return verify_against(machines[0], a.against, a.json) ? Exit::ok : Exit::failed;
  if (!bench)
    for (model::Machine& m : machines) m = with_wide_activations(m);

  std::vector<probes::DecodePoint> points;
  for (auto batch : batches)
    for (auto context : contexts) points.push_back({batch, context});
  std::vector<Asked> asked;
  for (const auto& t : models)
    for (model::Format f : formats)
      asked.push_back({t, f,
                       reduced(t, f, points, outgrows_caches(machines[0]),
                               a.memory_share * free_bytes(bench.get()), !bench)});
  std::vector<VerifiedCase> cases;
  const auto jobs = jobs_of(asked, tps, bench != nullptr);
  for (const auto& [tp, those] : jobs) {
    std::vector<probes::DecodeOrder> orders;
    for (const Asked* x : those) orders.push_back(x->order);
    std::string note;
    const auto times = decode(a, bench.get(), orders, tp, note);
    if (!note.empty()) fmt::print(stderr, "limen: tp {}: {}\n", tp, note);
    for (std::size_t i = 0; i < times.size(); ++i) {
      for (std::size_t k = 0; k < times[i].size(); ++k)
        cases.push_back(verified(machines, those[i]->transformer, those[i]->format, those[i]->order,
                                 k, static_cast<int>(tp), times[i][k]));
    }
  }
  if (cases.empty()) {
    fmt::print(stderr, "limen: no decode step was run\n");
    return Exit::nothing_to_run;
  }
  fmt::print("{}", a.json ? verified_json(cases) : verified_text(cases));
  if (std::none_of(cases.begin(), cases.end(), [](const auto& c) { return c.timed(); }))
    return Exit::nothing_to_run;
  if (!a.svg.empty()) write_drawing(a.svg, report::to_svg(verified_chart(cases)));
  return Exit::ok;
}

}  // namespace

void add_verify(CLI::App& app, Exit& code) {
  auto a = std::make_shared<Arguments>();
  auto* sub = app.add_subcommand("verify",
                                 "Run real decode steps here and hold the prediction against them");
  sub->add_option(
         "--machine", a->machines,
         "A calibration of this machine (machine.toml); without it, one is made first. Of "
         "several, as where a hypervisor moves the CPUs, each case is held against the one "
         "whose memory is as fast as the read loop beside it")
      ->delimiter(',');
  sub->add_option("--model", a->models, "Models, reduced to as many layers as it takes")
      ->delimiter(',')
      ->capture_default_str();
  sub->add_option("--weights", a->formats, "Formats of the weights: bf16, int8, int4")
      ->delimiter(',')
      ->capture_default_str();
  sub->add_option("--batch", a->batches, "Sequences decoded together, 64 at most")
      ->delimiter(',')
      ->capture_default_str();
  sub->add_option("--context", a->contexts, "Tokens in the KV cache; k = 1024")
      ->delimiter(',')
      ->capture_default_str();
  sub->add_option("--tp", a->tps, "Tensor-parallel ranks on this host, all cores shared out")
      ->delimiter(',')
      ->capture_default_str();
  sub->add_option("--device", a->device,
                  "cpu, gpu, or auto: the GPUs if one can be used, else the CPU")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "cpu", "gpu"}));
  sub->add_option("--exchange", a->options.exchange,
                  "How GPUs add up: own (all-reduce over each other's memory) or nccl")
      ->capture_default_str()
      ->check(CLI::IsMember({"own", "nccl"}));
  sub->add_flag("--processes", a->processes,
                "On GPUs: a process for each (MPI ranks of this host), not one for all");
  sub->add_option("--against", a->against,
                  "Output of llama-bench on this machine: hold the prediction against it instead")
      ->delimiter(',');
  sub->add_option("--memory-share", a->memory_share, "Share of the free memory to use at most")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 0.9));
  sub->add_option("--visits", a->options.visits, "Visits of a case, in random order")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  sub->add_option("--seed", a->options.seed, "Seed of weights and of the order of visits")
      ->capture_default_str();
  sub->add_option("--svg", a->svg,
                  "Also draw measured over predicted times into this file, if any case counts");
  sub->add_flag("--quick", a->quick, "A quick calibration, where one is made");
  sub->add_flag("--json", a->json, "An object on stdout");
  sub->callback([a, &code] { code = run(*a); });
}

}  // namespace limen::cli
