// gpu.gemv: a matrix times a vector on a GPU, in every format of weights, over the shapes of LLM
// layers; in a stream, and in a graph as engines send it.
#include <cstring>

#include <fmt/format.h>

#include "kernels/cuda/verify.hpp"
#include "probes/gpu_cases.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

using gpu::Format;
using gpu::Matrix;

// A ring of matrices through the bench's memory: each execution takes the next.
struct State {
  GpuBench& bench;
  Matrix matrix;
  std::size_t slots = 0, slot_words = 0;
  std::size_t last = 0;
  gpu::Memory<float> y{};

  const gpu::Device& d() const { return bench.devices()[0]; }
  const gpu::Words* weights(std::size_t slot) const {
    return bench.data(0).data() + slot * slot_words;
  }
  const std::uint16_t* scales(std::size_t slot) const {
    return reinterpret_cast<const std::uint16_t*>(weights(slot) + matrix.words());
  }
  void send(std::int64_t turn) {
    last = static_cast<std::size_t>(turn) % slots;
    // x is the beginning of the memory: what it holds is as good as anything.
    gpu::gemv(d(), matrix, weights(last), scales(last), bench.data(0).data(), y.data(),
              gpu::four_rows(d(), matrix));
  }
  std::string check() {
    const auto got = gpu::download(d(), y.data(), matrix.rows);
    const auto x = gpu::download(d(), reinterpret_cast<const std::uint8_t*>(bench.data(0).data()),
                                 matrix.x_bytes());
    for (const unsigned row : {0u, matrix.rows / 2, matrix.rows - 1}) {
      const Matrix one{matrix.format, 1, matrix.cols};
      const gpu::MatrixData data{
          gpu::download(d(), weights(last) + row * matrix.row_words(), matrix.row_words()),
          gpu::download(d(), scales(last) + row * matrix.groups(), matrix.groups()), x};
      const auto want = gpu::gemv_reference(one, data, 0);
      if (!(std::abs(static_cast<double>(got[row]) - want.value) <= want.tolerance))
        return fmt::format("row {} is {:.9g}, not {:.9g} +- {:.1g}", row, got[row], want.value,
                           want.tolerance);
    }
    return {};
  }
};

}  // namespace

GpuCase gemv_case(GpuBench& bench, const Matrix& matrix, bool graph) {
  auto state = std::make_shared<State>(State{bench, matrix});
  const gpu::Device& d = bench.devices()[0];
  state->slot_words = matrix.words() + (2 * matrix.scales() + 15) / 16;
  const std::size_t slot_bytes = 16 * state->slot_words, cache = 4 * d.properties().second_cache;
  // A graph goes through all of the ring, or through as much as outgrows the cache.
  const std::size_t fit = bench.room(0) / slot_bytes, wanted = cache / slot_bytes + 1;
  const bool cold = fit >= wanted;
  const auto length =
      static_cast<std::int64_t>(std::clamp<std::size_t>(std::min(fit, wanted), 16, 4096));
  GpuCase c;
  c.parameters = {{"format", std::string(gpu::name(matrix.format))},
                  {"rows", std::int64_t{matrix.rows}},
                  {"cols", std::int64_t{matrix.cols}},
                  {"tokens", std::int64_t{1}},
                  {"residence", std::string(cold ? "cold" : "cached")},
                  {"sent", std::string(graph ? "graph" : "stream")}};
  c.work = gpu::gemv_work(matrix);
  c.graph_length = graph ? length : 0;
  c.verify = [&bench, &d, matrix] {
    return bench.verified(fmt::format("gemv {}", gpu::name(matrix.format)),
                          [&] { return gpu::verify_gemv(d, matrix.format, bench.seed()); });
  };
  c.prepare = [state, slot_bytes] {
    state->slots = state->bench.data(0).bytes() / slot_bytes;
    if (state->slots == 0)
      throw gpu::DeviceError(fmt::format("the matrix takes {:.3g} MB, {:.3g} MB are to be had",
                                         1e-6 * static_cast<double>(slot_bytes),
                                         1e-6 * static_cast<double>(state->bench.room(0))),
                             2);
    state->y = {state->d(), state->matrix.rows};
  };
  c.send = [state](std::int64_t turn) { state->send(turn); };
  c.check = [state] { return state->check(); };
  return c;
}

std::vector<Shape> layer_shapes(bool quick) {
  // Llama 8B, 70B and 405B: attention's projections, up, down; and small ones for the fixed time.
  if (quick) return {{1024, 1024}, {4096, 4096}, {14336, 4096}, {28672, 8192}};
  return {{256, 1024},   {1024, 1024},  {2048, 2048},  {4096, 4096},  {6144, 4096},  {14336, 4096},
          {4096, 14336}, {10240, 8192}, {28672, 8192}, {8192, 28672}, {16384, 16384}};
}

namespace {

std::vector<Case> cases(GpuBench& bench) {
  std::vector<Case> all;
  for (const auto format : gpu::all_formats) {
    for (const auto& [rows, cols] : layer_shapes(bench.quick())) {
      all.push_back(gpu_case(bench, gemv_case(bench, {format, rows, cols}, true)));
      if (format == Format::bf16)
        all.push_back(gpu_case(bench, gemv_case(bench, {format, rows, cols}, false)));
    }
  }
  return all;
}

}  // namespace

const Probe gpu_gemv{"gpu.gemv",
                     "How fast is a matrix times a vector on a GPU, for each format of weights?",
                     nullptr, cases};

}  // namespace limen::probes
