#include "cli/usual_cases.hpp"

#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"

namespace limen::cli {
namespace {

constexpr const char* models[] = {"llama-3.1-8b", "llama-3.1-70b", "llama-3.1-405b"};
constexpr const char* hypothetical[] = {"xpu-hbm4", "xpu-3d-dram", "xpu-sram", "xpu-cows"};
constexpr double context = 4096;

report::PredictedCase predicted(const model::Machine& m, const model::Transformer& t,
                                model::Format f, int tp) {
  const model::Workload w{1, context, f, f == model::Format::fp8 ? f : model::Format::bf16};
  return report::predicted(m, {&t, w, {.tp = tp}});
}

}  // namespace

std::vector<report::PredictedCase> usual_cases_on(const model::Machine& m) {
  std::vector<report::PredictedCase> out;
  for (const char* name : models) {
    const auto t = cards::find_model(name);
    for (auto f :
         {model::Format::int4, model::Format::int8, model::Format::fp8, model::Format::bf16}) {
      if (!m.law(f).known()) continue;
      out.push_back(predicted(m, t, f, 1));
      const int most = m.ranks_per_device * m.devices;
      const bool fits = out.back().prediction.fits;
      if (!fits && m.devices == 1) break;  // the wider formats do not either
      if (most > 1 && !m.all_reduce.empty()) out.push_back(predicted(m, t, f, most));
    }
  }
  return out;
}

std::vector<report::PredictedCase> usual_cases_elsewhere() {
  std::vector<report::PredictedCase> out;
  for (const char* machine : hypothetical) {
    const auto m = cards::find_machine(machine);
    for (const char* name : models) {
      const auto t = cards::find_model(name);
      int tp = 1;
      while (tp < m.devices && !predicted(m, t, model::Format::fp8, tp).prediction.fits) tp *= 2;
      out.push_back(predicted(m, t, model::Format::fp8, tp));
      if (tp * 8 <= m.devices) out.push_back(predicted(m, t, model::Format::fp8, tp * 8));
    }
  }
  return out;
}

}  // namespace limen::cli
