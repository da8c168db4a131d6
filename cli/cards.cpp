// limen cards: the machines and models that are built in, and a check of a machine file.
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/list_models.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/cards/units.hpp"
#include "model/resolve.hpp"

namespace limen::cli {
namespace {

void list_machines(const std::vector<std::string>& names, bool json) {
  auto out = nlohmann::ordered_json::array();
  if (!json)
    fmt::print("{:<22} {:>7} {:>10} {:>11} {:>14}  {}\n", "machine", "devices", "memory",
               "bandwidth", "bf16 peak", "");
  for (const auto& name : names) {
    const auto m = cards::find_machine(name);
    const std::string capacity =
        m.memory_capacity ? cards::to_text(m.memory_capacity->value, 4) : "-";
    const std::string bandwidth = cards::to_text(m.memory_bandwidth->value, 4);
    const std::string peak = cards::to_text(model::matrix_peak(m, model::Format::bf16)->value, 4);
    if (json) {
      out.push_back({{"name", m.name},
                     {"description", m.description},
                     {"devices", m.devices},
                     {"memory_capacity", capacity},
                     {"memory_bandwidth", bandwidth},
                     {"compute_bf16", peak},
                     {"evidence", model::name(m.memory_bandwidth->evidence)}});
    } else {
      fmt::print("{:<22} {:>7} {:>10} {:>11} {:>14}  {} [{}]\n", m.name, m.devices, capacity,
                 bandwidth, peak, m.description, model::name(m.memory_bandwidth->evidence));
    }
  }
  if (json) fmt::print("{}\n", out.dump(2));
}

}  // namespace

void add_cards(CLI::App& app, Exit&) {
  struct Arguments {
    std::vector<std::string> files;
    bool models = false, json = false;
  };
  auto a = std::make_shared<Arguments>();
  auto* sub =
      app.add_subcommand("cards", "List the built-in machines or models; check files of them");
  sub->add_option("files", a->files, "Names or files to check (default: all that are built in)");
  sub->add_flag("--models", a->models, "Models, with their shapes and formats, not machines");
  sub->add_flag("--json", a->json, "An array of objects on stdout");
  sub->callback([a] {
    if (a->models) return list_models(a->files.empty() ? cards::model_names() : a->files, a->json);
    list_machines(a->files.empty() ? cards::machine_names() : a->files, a->json);
  });
}

}  // namespace limen::cli
