// gpu.gemm: matrix products through cuBLASLt, from one token (the upper reference for our own
// gpu.gemv, on the same shapes) to thousands: where the weights stop to bind and the multipliers
// begin, and how fast those are.
#include <cmath>

#include <fmt/format.h>

#include "probes/gpu_cases.hpp"
#include "probes/registry.hpp"

namespace limen::probes {

gpu::BlasLt& Blas::get() {
  std::string why;
  if (!library_) library_ = gpu::BlasLt::open(device_, why);
  if (!library_) throw NotHere(why);
  return *library_;
}

namespace {

using gpu::Format;
using gpu::Product;

// A ring of matrices through the bench's memory: each execution takes the next.
struct State {
  GpuBench& bench;
  Product product;
  std::shared_ptr<Blas> blas;  // outlives what it has chosen
  std::size_t slots = 0, slot_words = 0, last = 0;
  std::unique_ptr<gpu::BlasProduct> chosen{};
  gpu::Memory<std::uint8_t> y{};

  const gpu::Device& d() const { return bench.devices()[0]; }
  const gpu::Words* weights(std::size_t slot) const {
    return bench.data(0).data() + slot * slot_words;
  }
  void send(std::int64_t turn) {
    last = static_cast<std::size_t>(turn) % slots;
    chosen->run(weights(last), bench.data(0).data(), y.data());
  }
  // What the library guesses to be fastest often is not: each way is tried on weights that are not
  // in a cache.
  void take_fastest() {
    if (chosen->ways() < 2) return;
    constexpr std::int64_t executions = 4;
    std::size_t best = 0;
    double least = INFINITY;
    gpu::Stopwatch watch(d());
    for (std::size_t way = 0; way < chosen->ways(); ++way) {
      chosen->use(way);
      send(static_cast<std::int64_t>(way));  // loads the kernel
      watch.start();
      for (std::int64_t i = 0; i < executions; ++i)
        send(static_cast<std::int64_t>(way) * executions + i);
      const double seconds = watch.stop();
      if (seconds < least) least = seconds, best = way;
    }
    chosen->use(best);
  }
  void prepare() {
    const std::size_t bytes = std::size_t{product.rows} * product.cols * product.element_bytes();
    const std::size_t x = std::size_t{product.tokens} * product.cols * product.element_bytes();
    slots = bench.data(0).bytes() / (16 * slot_words);
    if (slots == 0 || x > bench.data(0).bytes())
      throw gpu::DeviceError(fmt::format("the matrices take {:.3g} MB, {:.3g} MB are to be had",
                                         1e-6 * static_cast<double>(std::max(bytes, x)),
                                         1e-6 * static_cast<double>(bench.data(0).bytes())),
                             2);
    chosen = blas->get().choose(product);
    y = {d(), product.result_bytes()};
    take_fastest();
    d().fill(y.data(), 0xff, y.size());
  }
  // The corners and the middle of what the last execution left.
  std::string check() const {
    const std::size_t row_bytes = product.cols * product.element_bytes();
    const auto row_of = [&](const gpu::Words* matrix, std::size_t row) {
      return gpu::download(d(), reinterpret_cast<const std::uint8_t*>(matrix) + row * row_bytes,
                           row_bytes);
    };
    const std::size_t element = product.result_bytes() / product.rows / product.tokens;
    for (const unsigned row : {0u, product.rows / 2, product.rows - 1}) {
      const auto w = row_of(weights(last), row);
      for (const unsigned token : {0u, product.tokens - 1}) {
        const auto want =
            gpu::product_reference(product.format, w, row_of(bench.data(0).data(), token));
        const auto got = gpu::download(
            d(), y.data() + (std::size_t{token} * product.rows + row) * element, element);
        const double result = gpu::result_of(product.format, got.data(), 0);
        if (!(std::abs(result - want.value) <= want.tolerance))
          return fmt::format("row {} of token {} is {:.9g}, not {:.9g} +- {:.1g}", row, token,
                             result, want.value, want.tolerance);
      }
    }
    return {};
  }
};

std::vector<Case> cases(GpuBench& bench) {
  const auto blas = std::make_shared<Blas>(bench.devices()[0]);
  std::vector<Case> all;
  const auto add = [&](const Product& p) {
    all.push_back(gpu_case(bench, blas_case(bench, blas, p)));
  };
  for (const auto f : {Format::bf16, Format::fp8, Format::fp16, Format::fp32, Format::int8})
    for (const auto& [rows, cols] : layer_shapes(bench.quick()))
      if (!bench.quick() || f == Format::bf16) add({f, rows, cols, 1});
  for (const auto f : {Format::bf16, Format::fp8, Format::int8}) {
    if (f == Format::int8 && bench.quick()) continue;
    for (const auto& [rows, cols] : std::vector<Shape>{{4096, 4096}, {28672, 8192}})
      for (unsigned m = 2; m <= 8192; m *= bench.quick() ? 8 : f == Format::int8 ? 4 : 2)
        add({f, rows, cols, m});
  }
  return all;
}

}  // namespace

GpuCase blas_case(GpuBench& bench, const std::shared_ptr<Blas>& blas, const Product& p) {
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
  // Its kernels differ by the number of tokens.
  const unsigned tokens = std::min(p.tokens, 33u);
  c.verify = [&bench, &d, blas, p, tokens] {
    auto& library = blas->get();
    return bench.verified(fmt::format("cuBLASLt {} {}", gpu::name(p.format), tokens), [&] {
      return gpu::verify_blas(d, library, p.format, tokens, bench.seed());
    });
  };
  c.prepare = [state] { state->prepare(); };
  c.send = [state](std::int64_t turn) { state->send(turn); };
  c.check = [state] { return state->check(); };
  return c;
}

const Probe gpu_gemm{"gpu.gemm", "How fast does a GPU multiply matrices, by number of tokens?",
                     nullptr, cases};

}  // namespace limen::probes
