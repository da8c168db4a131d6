#include <fmt/format.h>

#include "cli/commands.hpp"
#include "report/prediction_table.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/cards/suggest.hpp"
#include "model/cards/units.hpp"

namespace limen::cli {
namespace {

struct Options {
  std::vector<std::string> models, machines, contexts = {"4k"}, batches = {"1"}, tps = {"1"},
                                             pps = {"1"}, sets;
  std::string weights = "bf16", kv = "bf16";
  bool json = false;
};

model::Format parse_format(const std::string& word, const std::string& where) {
  std::vector<std::string> known;
  for (model::Format f : model::formats) {
    if (word == model::name(f)) return f;
    known.emplace_back(model::name(f));
  }
  throw Error(
      fmt::format("{}: unknown format '{}'{}", where, word, cards::suggestion(word, known)));
}

std::vector<long long> counts(const std::vector<std::string>& words, const std::string& where,
                              long long most) {
  std::vector<long long> out;
  for (const auto& w : words) {
    out.push_back(cards::parse_count(w, where));
    if (out.back() > most) throw Error(fmt::format("{}: {} is more than {}", where, w, most));
  }
  return out;
}

std::vector<report::PredictedCase> predict_all(const Options& o) {
  const model::Format weights = parse_format(o.weights, "--weights"),
                      kv = parse_format(o.kv, "--kv");
  const auto contexts = counts(o.contexts, "--context", 1LL << 30);
  const auto batches = counts(o.batches, "--batch", 1LL << 30);
  const auto tps = counts(o.tps, "--tp", 1 << 20), pps = counts(o.pps, "--pp", 1 << 20);
  std::vector<model::Transformer> models;
  for (const auto& name : o.models) models.push_back(cards::find_model(name));
  std::vector<model::Machine> machines;
  for (const auto& name : o.machines) {
    machines.push_back(cards::find_machine(name));
    for (const auto& s : o.sets) cards::set_parameter(machines.back(), s);
  }
  std::vector<report::PredictedCase> out;
  for (const auto& t : models) {
    for (long long pp : pps) {
      if (pp > t.layers())
        throw Error(fmt::format("--pp {}: {} has only {} layers", pp, t.name, t.layers()));
    }
    for (const auto& m : machines) {
      for (long long context : contexts) {
        for (long long tp : tps) {
          for (long long pp : pps) {
            for (long long batch : batches) {
              const model::Partition p{.tp = static_cast<int>(tp), .pp = static_cast<int>(pp)};
              const model::Workload w{static_cast<double>(batch), static_cast<double>(context),
                                      weights, kv};
              out.push_back({t.name, m.name, w, p, model::predict(m, {&t, w, p})});
            }
          }
        }
      }
    }
  }
  return out;
}

}  // namespace

void add_predict(CLI::App& app, Exit&) {
  auto* sub = app.add_subcommand(
      "predict", "Predict decoding: which limit binds, by how much, with intervals");
  auto o = std::make_shared<Options>();
  sub->add_option("--model", o->models,
                  "model name or Hugging Face config.json; several with commas")
      ->delimiter(',')
      ->required();
  sub->add_option("--machine", o->machines, "machine name or machine.toml; several with commas")
      ->delimiter(',')
      ->required();
  sub->add_option("--context", o->contexts, "tokens in the KV cache; k = 1024")
      ->delimiter(',')
      ->capture_default_str();
  sub->add_option("--batch", o->batches, "sequences decoded together")
      ->delimiter(',')
      ->capture_default_str();
  sub->add_option("--tp", o->tps, "tensor-parallel ranks")->delimiter(',')->capture_default_str();
  sub->add_option("--pp", o->pps, "pipeline stages")->delimiter(',')->capture_default_str();
  sub->add_option("--weights", o->weights, "format of the weights: fp32, bf16, fp8, int8, int4")
      ->capture_default_str();
  sub->add_option("--kv", o->kv, "format of the KV cache")->capture_default_str();
  sub->add_option("--set", o->sets,
                  "KEY=VALUE: change a parameter of the machine, keep its measured efficiencies");
  sub->add_flag("--json", o->json, "an array of objects on stdout");
  sub->callback([o] {
    const auto cases = predict_all(*o);
    fmt::print("{}", o->json ? report::to_json(cases) : report::to_table(cases));
  });
}

}  // namespace limen::cli
