// gpu.attention and gpu.elementwise: the parts of a decode step that are no product of a matrix.
#include <fmt/format.h>

#include "kernels/cuda/verify.hpp"
#include "probes/gpu_bench.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

using gpu::Attention;
using gpu::Format;

// Caches one behind the other through the bench's memory, so that none is in a cache of the device.
struct State {
  GpuBench& bench;
  Attention shape;
  std::size_t slots = 0;
  unsigned shares = 1;
  gpu::Memory<float> partial{}, result{};
  std::vector<float> before{};

  const gpu::Device& d() const { return bench.devices()[0]; }
  void send(std::int64_t turn) {
    const auto* cache = reinterpret_cast<const std::byte*>(bench.data(0).data()) +
                        static_cast<std::size_t>(turn) % slots * 2 * shape.cache_bytes();
    gpu::attention(d(), shape,
                   {reinterpret_cast<const float*>(bench.data(0).data()), cache,
                    cache + shape.cache_bytes(), partial.data(), result.data()},
                   shares, 0.001f);
  }
  std::vector<float> first_result() {
    send(0);
    return gpu::download(d(), result.data(), result.size());
  }
  void prepare() {
    slots = bench.data(0).bytes() / (2 * shape.cache_bytes());
    if (slots == 0)
      throw gpu::DeviceError(fmt::format("the cache takes {:.3g} MB, {:.3g} MB are to be had",
                                         2e-6 * static_cast<double>(shape.cache_bytes()),
                                         1e-6 * static_cast<double>(bench.room(0))),
                             2);
    shares = gpu::attention_shares(d(), shape);
    partial = {d(), gpu::attention_partial(shape, shares)};
    result = {d(), std::size_t{shape.heads()} * 128};
    before = first_result();
  }
  // The kernel was verified on other data; here, that it still does what it did, and nothing odd.
  std::string check() {
    for (const float v : before)
      if (!std::isfinite(v)) return "the result is not finite";
    return first_result() == before ? "" : "the result is not what it was before";
  }
};

Case make(GpuBench& bench, const Attention& shape) {
  auto state = std::make_shared<State>(State{bench, shape});
  const gpu::Device& d = bench.devices()[0];
  const bool cold = bench.room(0) >= 4 * d.properties().second_cache;
  GpuCase c;
  c.parameters = {{"format", std::string(gpu::name(shape.format))},
                  {"sequences", std::int64_t{shape.sequences}},
                  {"kv_heads", std::int64_t{shape.kv_heads}},
                  {"heads_per_kv", std::int64_t{shape.heads_per_kv}},
                  {"context", std::int64_t{shape.context}},
                  {"residence", std::string(cold ? "cold" : "cached")}};
  c.work = gpu::attention_work(shape);
  c.graph_length = 64;
  c.verify = [&bench, &d, shape] {
    return bench.verified(
        fmt::format("attention {} {}", gpu::name(shape.format), shape.heads_per_kv),
        [&] { return gpu::verify_attention(d, shape.format, shape.heads_per_kv, bench.seed()); });
  };
  c.prepare = [state] { state->prepare(); };
  c.send = [state](std::int64_t turn) { state->send(turn); };
  c.check = [state] { return state->check(); };
  return gpu_case(bench, std::move(c));
}

std::vector<Case> cases(GpuBench& bench) {
  std::vector<Case> all;
  for (const auto format : {Format::bf16, Format::fp8}) {
    for (const unsigned group : gpu::attention_groups) {
      if (group == 1 && bench.quick()) continue;
      for (const unsigned context : {1024u, 8192u, 32768u, 131072u}) {
        if (bench.quick() && context == 32768) continue;
        all.push_back(make(bench, {format, 1, 8, group, context}));
        if (context == 8192) all.push_back(make(bench, {format, 16, 8, group, context}));
      }
    }
  }
  return all;
}

// RMSNorm over x, SwiGLU of two arrays: `tokens` rows.
Case make_elementwise(GpuBench& bench, bool norm, unsigned tokens, unsigned columns) {
  struct Elements {
    std::size_t words, slots = 1, last = 0;
    gpu::Memory<gpu::Words> out{};
    std::vector<gpu::Words> before{};
  };
  const gpu::Device& d = bench.devices()[0];
  auto state = std::make_shared<Elements>(Elements{std::size_t{tokens} * columns / 8});
  const auto send = [&bench, &d, state, norm, tokens, columns](std::int64_t turn) {
    const auto* from =
        bench.data(0).data() + static_cast<std::size_t>(turn) % state->slots * 2 * state->words;
    if (norm) {
      gpu::rms_norm(d, from, bench.data(0).data(), state->out.data(), tokens, columns, 1e-5f);
    } else {
      gpu::swiglu(d, from, from + state->words, state->out.data(), std::size_t{tokens} * columns);
    }
  };
  const auto first = [&d, state, send] {
    send(0);
    return gpu::download(d, state->out.data(), state->out.size());
  };
  GpuCase c;
  c.parameters = {{"kernel", std::string(norm ? "rms_norm" : "swiglu")},
                  {"tokens", std::int64_t{tokens}},
                  {"columns", std::int64_t{columns}}};
  c.work =
      norm ? gpu::rms_norm_work(tokens, columns) : gpu::swiglu_work(std::size_t{tokens} * columns);
  c.graph_length = 64;
  c.verify = [&bench, &d, norm] {
    return bench.verified(norm ? "rms_norm" : "swiglu", [&] {
      return norm ? gpu::verify_rms_norm(d, bench.seed()) : gpu::verify_swiglu(d, bench.seed());
    });
  };
  c.prepare = [&bench, &d, state, first] {
    state->slots = bench.data(0).size() / (2 * state->words);
    if (state->slots == 0)
      throw gpu::DeviceError("the arrays are larger than the memory that is to be had", 2);
    state->out = {d, state->words};
    state->before = first();
  };
  c.send = send;
  c.check = [state, first]() -> std::string {
    const auto now = first();
    for (std::size_t i = 0; i < now.size(); ++i)
      for (int k = 0; k < 4; ++k)
        if (now[i].w[k] != state->before[i].w[k]) return "the result is not what it was before";
    return {};
  };
  return gpu_case(bench, std::move(c));
}

std::vector<Case> elementwise_cases(GpuBench& bench) {
  std::vector<Case> all;
  for (const unsigned tokens : {1u, 64u, 4096u}) {
    all.push_back(make_elementwise(bench, true, tokens, 8192));
    all.push_back(make_elementwise(bench, false, tokens, 28672));
  }
  return all;
}

}  // namespace

const Probe gpu_attention{
    "gpu.attention", "How fast does a GPU read the KV cache of a decode step?", nullptr, cases};
const Probe gpu_elementwise{"gpu.elementwise", "What do RMSNorm and SwiGLU cost on a GPU?", nullptr,
                            elementwise_cases};

}  // namespace limen::probes
