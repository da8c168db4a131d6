// gpu.fma: fused multiply-adds in fp32 out of registers, on every multiprocessor: the peak of what
// is no product of matrices.
#include <fmt/format.h>

#include "kernels/cuda/verify.hpp"
#include "probes/gpu_bench.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

std::vector<Case> cases(GpuBench& bench) {
  struct State {
    gpu::Memory<float> out{};
    unsigned rounds = 0;  // of the last launch
  };
  const gpu::Device& d = bench.devices()[0];
  const unsigned blocks = gpu::full_grid(d, d.kernels().multiply_add);
  auto state = std::make_shared<State>();
  GpuCase c;
  c.parameters = {{"type", std::string("fp32")}, {"blocks", std::int64_t{blocks}}};
  c.work = gpu::multiply_add_work(blocks);
  c.verify = [&d] { return gpu::verify_multiply_add(d); };
  c.prepare = [state, &d, blocks] { state->out = {d, std::size_t{blocks} * gpu::fma_threads}; };
  // An execution is a round: all of a sample are one launch.
  c.seconds = [state, &d, blocks](std::int64_t inner) {
    gpu::Stopwatch watch(d);
    state->rounds = static_cast<unsigned>(inner);
    watch.start();
    gpu::multiply_add(d, blocks, state->rounds, state->out.data());
    return watch.stop();
  };
  c.check = [state, &d, blocks]() -> std::string {
    const auto got = gpu::download(d, state->out.data(), std::size_t{blocks} * gpu::fma_threads);
    for (const std::size_t thread : {std::size_t{0}, got.size() / 2, got.size() - 1}) {
      const float want = gpu::multiply_add_reference(thread % gpu::fma_threads, state->rounds);
      if (got[thread] != want)
        return fmt::format("thread {} has {:.9g}, not {:.9g}", thread, got[thread], want);
    }
    return {};
  };
  std::vector<Case> all;
  all.push_back(gpu_case(bench, std::move(c)));
  return all;
}

}  // namespace

const Probe gpu_fma{"gpu.fma", "How fast is a GPU's arithmetic outside of products of matrices?",
                    nullptr, cases};

}  // namespace limen::probes
