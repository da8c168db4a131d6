// limen cards: the machines and models that are built in, and a check of a machine file.
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
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

void list_models(bool json) {
  auto out = nlohmann::ordered_json::array();
  if (!json)
    fmt::print("{:<26} {:>11} {:>11} {:>7} {:>16}\n", "model", "parameters", "active", "layers",
               "KV B/token (bf16)");
  for (const auto& name : cards::model_names()) {
    const auto t = cards::find_model(name);
    double kv = 0;
    for (const auto& a : t.attention) kv += double(a.layers) * a.kv_elements() * 2;
    if (json) {
      out.push_back({{"name", t.name},
                     {"parameters", t.parameters()},
                     {"active_parameters", t.active_parameters()},
                     {"layers", t.layers()},
                     {"kv_bytes_per_token_bf16", kv}});
    } else {
      fmt::print("{:<26} {:>9.2f} B {:>9.2f} B {:>7} {:>16.0f}\n", t.name, t.parameters() / 1e9,
                 t.active_parameters() / 1e9, t.layers(), kv);
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
      app.add_subcommand("cards", "List the built-in machines or models; check machine files");
  sub->add_option("files", a->files,
                  "Machine names or files to check (default: all that are built in)");
  sub->add_flag("--models", a->models, "The models instead");
  sub->add_flag("--json", a->json, "An array of objects on stdout");
  sub->callback([a] {
    if (a->models) return list_models(a->json);
    list_machines(a->files.empty() ? cards::machine_names() : a->files, a->json);
  });
}

}  // namespace limen::cli
