// Prints the ideal tokens/s of llama-3.1-8b on h100-8, from the cards within the library.
#include <cstdio>

#include "model/cards/laws.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/prediction.hpp"

int main() {
  using namespace limen;
  const model::Machine machine = cards::find_machine("h100-8");
  const model::Transformer llama = cards::find_model("llama-3.1-8b");
  const model::Workload one{1, 4096, model::Format::bf16, model::Format::bf16};
  const model::Prediction p = model::predict(machine, {&llama, one, {.tp = 1}});
  if (!p.fits || cards::built_in_laws().all.empty()) return 1;
  std::printf("%.9g\n", p.utps_ideal);
}
