// compute.fma: how many multiply-adds a second the cores can do when nothing else is in the way.
#include <memory>

#include "kernels/cpu/fma.hpp"
#include "probes/bench.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

using kernels::FmaType;
constexpr std::size_t rounds = 4096;  // of one execution: some 10 us

Case make(Bench& bench, FmaType type, int threads) {
  auto wrong = std::make_shared<std::atomic<int>>(0);
  Case c;
  c.parameters = {{"type", std::string(name(type))}, {"threads", std::int64_t{threads}}};
  c.work.flops = model::flops(threads * kernels::fma_flops(type, rounds));
  c.threads = threads;
  c.least_seconds = 200e-6;
  c.execute = [&bench, wrong, type, threads](std::int64_t inner) {
    bench.team().run(threads, [&](int) {
      const double want = kernels::fma_expected(type, rounds);
      for (std::int64_t i = 0; i < inner; ++i) {
        if (kernels::fma_run(type, rounds) != want) wrong->fetch_add(1, std::memory_order_relaxed);
      }
    });
  };
  c.prepare = [c]() -> std::optional<results::Outcome> {
    c.execute(1);
    return {};
  };
  c.check = [wrong]() -> std::string {
    return *wrong == 0 ? "" : "the multiply-adds added up wrongly";
  };
  return c;
}

std::vector<Case> cases(Bench& bench) {
  std::vector<Case> all;
  for (const int threads : bench.thread_counts()) {
    for (const auto type : {FmaType::fp32, FmaType::fp64, FmaType::bf16, FmaType::int16}) {
      all.push_back(make(bench, type, threads));
    }
  }
  return all;
}

}  // namespace

const Probe compute_fma{"compute.fma", "How many multiply-adds can the cores do?", cases};

}  // namespace limen::probes
