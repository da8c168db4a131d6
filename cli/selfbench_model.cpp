#include "cli/selfbench_model.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/prediction.hpp"

namespace limen::cli {
namespace {

// Evaluations a second of f over batches and contexts that all differ; what it returns is used.
template <class F>
double rate(int count, double& used, F&& f) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) used += f(1.0 + i % 512, 128.0 + 37.0 * (i % 4093));
  return count / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

ModelRate model_rate() {
  const auto machine = cards::find_machine("h100-8");
  const auto transformer = cards::find_model("llama-3.1-70b");
  auto of = [&](double batch, double context) {
    return model::Case{
        &transformer, {batch, context, model::Format::bf16, model::Format::bf16}, {.tp = 8}};
  };
  std::vector<double> plain, whole;
  double used = 0;
  for (int round = 0; round < 9; ++round) {
    plain.push_back(rate(50000, used, [&](double batch, double context) {
      const auto c = of(batch, context);
      const auto d = model::demand_of(c);
      const auto r = model::rates(machine, c.workload, c.partition, d);
      const auto step = model::calibrated_step(r, d);
      return model::ideal_step(r, d).total.in(model::seconds) +
             model::binding(step, d.weights_held / r.capacity).factor;
    }));
    whole.push_back(rate(500, used, [&](double batch, double context) {
      return model::predict(machine, of(batch, context)).utps;
    }));
  }
  auto median = [](std::vector<double>& v) {
    std::nth_element(v.begin(), v.begin() + 4, v.end());
    return v[4];
  };
  ModelRate out{median(plain), median(whole)};
  if (used == 0) out.configurations = 0;  // never; keeps the work from being optimized away
  return out;
}

}  // namespace limen::cli
