#include "cli/cases.hpp"

#include <fmt/format.h>

#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/cards/suggest.hpp"
#include "model/cards/units.hpp"
#include "model/error.hpp"

namespace limen::cli {
namespace {

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

std::vector<model::Partition> partitions(const CaseOptions& o) {
  constexpr long long most = 1 << 20;
  std::vector<model::Partition> out;
  for (long long tp : counts(o.tps, "--tp", most)) {
    for (long long pp : counts(o.pps, "--pp", most)) {
      for (long long ep : counts(o.eps, "--ep", most)) {
        for (long long dp : counts(o.dps, "--dp", most)) {
          if (tp * pp * dp > most)
            throw Error(
                fmt::format("--tp x --pp x --dp: {} ranks are more than {}", tp * pp * dp, most));
          out.push_back({.tp = int(tp), .pp = int(pp), .ep = int(ep), .dp = int(dp)});
        }
      }
    }
  }
  return out;
}

}  // namespace

void add_case_options(CLI::App& sub, CaseOptions& o) {
  sub.add_option("--model", o.models, "Model name or Hugging Face config.json; several with commas")
      ->delimiter(',')
      ->required();
  sub.add_option("--machine", o.machines, "Machine name or machine.toml; several with commas")
      ->delimiter(',')
      ->required();
  sub.add_option("--context", o.contexts, "Tokens in the KV cache; k = 1024")
      ->delimiter(',')
      ->capture_default_str();
  sub.add_option("--batch", o.batches, "Sequences decoded together")
      ->delimiter(',')
      ->capture_default_str();
  sub.add_option("--tp", o.tps, "Tensor-parallel ranks")->delimiter(',')->capture_default_str();
  sub.add_option("--pp", o.pps, "Pipeline stages")->delimiter(',')->capture_default_str();
  sub.add_option("--ep", o.eps, "Expert-parallel ranks of a stage's tp x dp")
      ->delimiter(',')
      ->capture_default_str();
  sub.add_option("--dp", o.dps, "Replicas of the attention, each with its share of the batch")
      ->delimiter(',')
      ->capture_default_str();
  sub.add_option("--weights", o.weights, "Format of the weights: fp32, bf16, fp8, int8, int4")
      ->capture_default_str();
  sub.add_option("--experts", o.experts, "Format of routed experts (default: that of the weights)");
  sub.add_option("--kv", o.kv, "Format of the KV cache")->capture_default_str();
  sub.add_option("--set", o.sets,
                 "KEY=VALUE: change a parameter of the machine, keep its measured efficiencies");
  sub.add_option(
         "--conventions", o.conventions,
         "exact, or paper: as arXiv 2507.14397 counts (2^40 B/s a TB/s, nominal parameters, "
         "KV divided evenly, 3 synchronizations a layer)")
      ->capture_default_str();
  sub.add_flag("--json", o.json, "An array of objects on stdout");
}

void for_each_case(const CaseOptions& o,
                   const std::function<void(const model::Machine&, const model::Case&)>& f) {
  const model::Format weights = parse_format(o.weights, "--weights"),
                      kv = parse_format(o.kv, "--kv");
  const model::Format experts = o.experts.empty() ? weights : parse_format(o.experts, "--experts");
  if (o.conventions != "exact" && o.conventions != "paper") {
    throw Error(fmt::format("--conventions: unknown '{}'{}", o.conventions,
                            cards::suggestion(o.conventions, {"exact", "paper"})));
  }
  const auto conventions =
      o.conventions == "paper" ? model::Conventions::paper() : model::Conventions{};
  const auto contexts = counts(o.contexts, "--context", 1LL << 30);
  const auto batches = counts(o.batches, "--batch", 1LL << 30);
  const auto spread = partitions(o);
  std::vector<model::Transformer> models;
  for (const auto& name : o.models) {
    models.push_back(cards::find_model(name));
    for (const auto& p : spread) {
      if (p.pp > models.back().layers())
        throw Error(
            fmt::format("--pp {}: {} has only {} layers", p.pp, name, models.back().layers()));
    }
  }
  std::vector<model::Machine> machines;
  for (const auto& name : o.machines) {
    machines.push_back(cards::find_machine(name));
    for (const auto& s : o.sets) cards::set_parameter(machines.back(), s);
  }
  for (const auto& t : models) {
    for (const auto& m : machines) {
      for (long long context : contexts) {
        for (const auto& p : spread) {
          for (long long batch : batches) {
            f(m, {&t, {double(batch), double(context), weights, kv, experts}, p, conventions});
          }
        }
      }
    }
  }
}

}  // namespace limen::cli
