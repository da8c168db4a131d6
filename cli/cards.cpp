// limen cards: the machines and models that are built in, and a check of a machine file.
#include <algorithm>
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

void list_machines(bool json) {
  auto out = nlohmann::ordered_json::array();
  if (!json)
    fmt::print("{:<22} {:>7} {:>10} {:>11} {:>14}  {}\n", "machine", "devices", "memory",
               "bandwidth", "bf16 peak", "");
  for (const auto& name : cards::machine_names()) {
    const auto m = cards::find_machine(name);
    const std::string capacity =
        m.memory_capacity ? cards::to_text(m.memory_capacity->value, 4) : "-";
    const std::string bandwidth = cards::to_text(m.memory_bandwidth->value, 4);
    const auto* matrix = model::matrix_peak(m, model::Format::bf16);
    const std::string peak = matrix ? cards::to_text(matrix->value, 4) : "unknown";
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

template <class P>
nlohmann::ordered_json parameter(const P& p) {
  nlohmann::ordered_json out{{"value", cards::to_text(p.value)}};
  if (p.low < p.high) {
    out["low"] = cards::to_text(p.low);
    out["high"] = cards::to_text(p.high);
  }
  out["evidence"] = model::name(p.evidence);
  out["source"] = p.source;
  return out;
}

// Every parameter by its key, as JSON.
nlohmann::ordered_json parameters(const model::Machine& m) {
  auto out = nlohmann::ordered_json::object();
  model::for_each_parameter(m, [&](const std::string& key, const auto& p) {
    if (p) out[key] = parameter(*p);
  });
  model::for_each_collective(m, [&](const std::string& key, const auto& pieces) {
    for (const auto& piece : pieces) {
      const std::string name =
          fmt::format("{}[{} ranks, from {}]", key, piece.ranks, cards::to_text(piece.from));
      out[name + ".alpha"] = parameter(piece.alpha);
      out[name + ".beta"] = parameter(piece.beta);
    }
  });
  return out;
}

// Machines or networks with all that is said of them.
void describe(const std::vector<model::Machine>& machines, bool json) {
  auto out = nlohmann::ordered_json::array();
  for (const auto& m : machines) {
    const auto all = parameters(m);
    if (json) {
      out.push_back({{"name", m.name},
                     {"description", m.description},
                     {"devices", m.devices},
                     {"devices_per_node", m.devices_per_node},
                     {"parameters", all}});
      continue;
    }
    fmt::print("{}: {}\n", m.name, m.description);
    for (const auto& [key, p] : all.items()) {
      const std::string interval = p.contains("low")
                                       ? fmt::format(" ({} to {})", p["low"].get<std::string>(),
                                                     p["high"].get<std::string>())
                                       : "";
      fmt::print("  {:<44} {}{} [{}] {}\n", key, p["value"].get<std::string>(), interval,
                 p["evidence"].get<std::string>(), p["source"].get<std::string>());
    }
  }
  if (json) fmt::print("{}\n", out.dump(2));
}

// Those of the names that can be read; what is wrong with the others is said, a line each.
template <class Find>
auto found(const std::vector<std::string>& names, Exit& code, Find&& find) {
  std::vector<decltype(find(names.front()))> out;
  for (const auto& name : names) {
    try {
      out.push_back(find(name));
    } catch (const Error& e) {
      fmt::print(stderr, "limen: {}\n", e.what());
      code = e.code();
    }
  }
  return out;
}

model::Machine found_machine(const std::string& name) {
  const auto models = cards::model_names();
  if (std::find(models.begin(), models.end(), name) != models.end())
    throw Error(fmt::format("cards: '{}' is a model; see limen cards --models {}", name, name));
  return cards::find_machine(name, "cards");
}

}  // namespace

void add_cards(CLI::App& app, Exit& code) {
  struct Arguments {
    std::vector<std::string> files;
    bool models = false, networks = false, json = false;
  };
  auto a = std::make_shared<Arguments>();
  auto* sub = app.add_subcommand(
      "cards", "List the built-in machines, models or networks; check files of them");
  sub->add_option("files", a->files,
                  "Names or files, to check and to show in full (default: list what is built in)");
  sub->add_flag("--models", a->models, "Models, with their shapes and formats, not machines");
  sub->add_flag("--networks", a->networks, "Networks, not machines");
  sub->add_flag("--json", a->json, "An array of objects on stdout");
  sub->callback([a, &code] {
    auto named = [&](const std::vector<std::string>& all) {
      return a->files.empty() ? all : a->files;
    };
    if (a->models) {
      const auto models = found(named(cards::model_names()), code, [](const std::string& name) {
        return cards::find_model(name, "cards --models");
      });
      if (!models.empty()) list_models(models, a->json);
    } else if (a->networks) {
      describe(found(named(cards::network_names()), code, cards::find_network), a->json);
    } else if (a->files.empty()) {
      list_machines(a->json);
    } else {
      const auto machines = found(a->files, code, found_machine);
      if (!machines.empty()) describe(machines, a->json);
    }
  });
}

}  // namespace limen::cli
