// gpu.gemm: matrix products through cuBLASLt, from one token (the reference for our own gpu.gemv)
// to thousands: where the weights stop to bind and the multipliers begin, and how fast those are.
#include <cstring>

#include <fmt/format.h>

#include "kernels/cuda/cublaslt.hpp"
#include "probes/gpu_bench.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

using gpu::Format;
using gpu::Product;

struct State {
  GpuBench& bench;
  Product product;
  std::shared_ptr<std::unique_ptr<gpu::BlasLt>> blas;
  std::size_t slots = 0, slot_words = 0;
  gpu::Memory<gpu::Words> y{};
  std::vector<gpu::Words> before{};

  const gpu::Device& d() const { return bench.devices()[0]; }
  void send(std::int64_t turn) {
    const auto* weights =
        bench.data(0).data() + static_cast<std::size_t>(turn) % slots * slot_words;
    (*blas)->run(weights, bench.data(0).data(), y.data());
  }
  std::vector<gpu::Words> first_result() {
    (*blas)->choose(product);
    send(0);
    return gpu::download(d(), y.data(), y.size());
  }
};

bool same(const std::vector<gpu::Words>& a, const std::vector<gpu::Words>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(gpu::Words)) == 0;
}

using Blas = std::shared_ptr<std::unique_ptr<gpu::BlasLt>>;

Case make(GpuBench& bench, const Blas& blas, const Product& p) {
  auto state = std::make_shared<State>(State{bench, p, blas});
  const gpu::Device& d = bench.devices()[0];
  const std::size_t bytes = std::size_t{p.rows} * p.cols * p.element_bytes();
  state->slot_words = (bytes + 15) / 16;
  const std::size_t cache = 4 * d.properties().second_cache, fit = bench.room(0) / bytes;
  const bool cold = fit >= cache / bytes + 1;
  GpuCase c;
  c.parameters = {{"format", std::string(gpu::name(p.format))},
                  {"rows", std::int64_t{p.rows}},
                  {"cols", std::int64_t{p.cols}},
                  {"tokens", std::int64_t{p.tokens}},
                  {"residence", std::string(cold ? "cold" : "cached")},
                  {"by", std::string("cuBLASLt")},
                  {"sent", std::string("graph")}};
  c.work = gpu::product_work(p);
  c.graph_length = static_cast<std::int64_t>(
      std::clamp<std::size_t>(std::min(fit, cache / bytes + 1), 16, 1024));
  c.verify = [&bench, &d, blas, p] {
    std::string why;
    if (!*blas) *blas = gpu::BlasLt::open(d, why);
    if (!*blas) throw NotHere(why);
    return bench.verified(fmt::format("cuBLASLt {}", gpu::name(p.format)),
                          [&] { return gpu::verify_blas(d, **blas, p.format, bench.seed()); });
  };
  c.prepare = [state, bytes] {
    const Product& q = state->product;
    const std::size_t x = std::size_t{q.tokens} * q.cols * q.element_bytes();
    state->slots = state->bench.data(0).bytes() / bytes;
    if (state->slots == 0 || x > state->bench.data(0).bytes())
      throw gpu::DeviceError("the matrices are larger than the memory that is to be had", 2);
    state->y = {state->d(), (q.result_bytes() + 15) / 16};
    state->before = state->first_result();
  };
  c.send = [state](std::int64_t turn) {
    if (turn == 0) (*state->blas)->choose(state->product);  // the next graph is recorded
    state->send(turn);
  };
  c.check = [state]() -> std::string {
    return same(state->first_result(), state->before) ? "" : "the result is not what it was before";
  };
  return gpu_case(bench, std::move(c));
}

std::vector<Case> cases(GpuBench& bench) {
  const auto blas = std::make_shared<std::unique_ptr<gpu::BlasLt>>();
  using Size = std::pair<unsigned, unsigned>;
  std::vector<Case> all;
  // The shapes of gpu.gemv, one token.
  for (const auto& [rows, cols] : std::vector<Size>{
           {1024, 1024}, {4096, 4096}, {14336, 4096}, {4096, 14336}, {28672, 8192}, {8192, 28672}})
    for (const auto f : {Format::bf16, Format::fp16, Format::fp32})
      if (!bench.quick() || f == Format::bf16) all.push_back(make(bench, blas, {f, rows, cols, 1}));
  for (const auto f : {Format::bf16, Format::fp8}) {
    for (const auto& [rows, cols] : std::vector<Size>{{4096, 4096}, {28672, 8192}}) {
      // fp8 takes multiples of 16.
      for (unsigned m = f == Format::fp8 ? 16 : 2; m <= 8192; m *= bench.quick() ? 8 : 2)
        all.push_back(make(bench, blas, {f, rows, cols, m}));
    }
  }
  return all;
}

}  // namespace

const Probe gpu_gemm{"gpu.gemm", "How fast does a GPU multiply matrices, by number of tokens?",
                     nullptr, cases};

}  // namespace limen::probes
