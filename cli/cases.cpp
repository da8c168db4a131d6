#include "cli/cases.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/cards/suggest.hpp"
#include "model/cards/units.hpp"
#include "model/error.hpp"

namespace limen::cli {
namespace {

std::vector<long long> counts(const std::vector<std::string>& words, const std::string& where,
                              long long most) {
  std::vector<long long> out;
  for (const auto& w : words) {
    out.push_back(cards::parse_count(w, where));
    if (out.back() > most) throw Error(fmt::format("{}: {} is more than {}", where, w, most));
  }
  return out;
}

template <class Formats>
model::Format parse_format(const std::string& word, const std::string& where, const Formats& all) {
  std::vector<std::string> known;
  for (model::Format f : all) {
    if (word == model::name(f)) return f;
    known.emplace_back(model::name(f));
  }
  for (model::Format f : model::weight_formats) {
    if (word == model::name(f))
      throw Error(fmt::format("{}: '{}' is a format of weights only; known: {}", where, word,
                              fmt::join(known, ", ")));
  }
  throw Error(
      fmt::format("{}: unknown format '{}'{}", where, word, cards::suggestion(word, known)));
}

// The formats of one model: each as the option says, or as its checkpoint has it.
model::WeightFormats weight_formats(const CaseOptions& o, const model::Transformer& t) {
  const bool native = o.weights == "native";
  for (const auto& [option, word] :
       {std::pair{"--weights", &o.weights}, {"--experts", &o.experts}, {"--head", &o.head}}) {
    if (*word == "native" && !t.native_unknown.empty())
      throw Error(fmt::format("{}: the native formats of {} are not known: {}", option, t.name,
                              t.native_unknown));
  }
  auto of = [&](const std::string& word, const char* option, model::Format otherwise,
                model::Format as_published) {
    if (word.empty()) return otherwise;
    if (word == "native") return as_published;
    return parse_format(word, option, model::weight_formats);
  };
  model::WeightFormats f;
  f.weights = of(o.weights, "--weights", f.weights, t.native.weights);
  f.experts = of(o.experts, "--experts", native ? t.native.experts : f.weights, t.native.experts);
  f.head = of(o.head, "--head", native ? t.native.head : f.weights, t.native.head);
  return f;
}

// What drafts for a model.
struct Drafter {
  std::optional<model::Transformer> by;  // nothing: looked up
  model::WeightFormats formats;
};

Drafter drafter(const CaseOptions& o, const model::Transformer& t) {
  if (o.draft_model == "none") return {};
  if (o.draft_model == "mtp") {
    if (t.mtp_layers == 0)
      throw Error(
          fmt::format("--draft: {} has no MTP module; name a --draft-model, or none for "
                      "drafts that cost nothing",
                      t.name));
    return {model::mtp_module(t), weight_formats(o, t)};
  }
  const auto by = cards::find_model(o.draft_model, "--draft-model");
  // Padded tables of one tokenizer differ a little; those of two differ much.
  const double ratio = double(by.vocabulary) / double(t.vocabulary);
  if (ratio < 0.99 || ratio > 1.01)
    throw Error(
        fmt::format("--draft-model: {} has {} tokens and {} has {}; drafts need one "
                    "tokenizer",
                    by.name, by.vocabulary, t.name, t.vocabulary));
  return {by, weight_formats(o, by)};
}

std::vector<int> drafts(const CaseOptions& o) {
  constexpr long long most = 64;
  std::vector<int> out;
  for (const auto& w : o.drafts) {
    out.push_back(w == "0" ? 0 : int(counts({w}, "--draft", most)[0]));
  }
  return out;
}

double acceptance(const CaseOptions& o) {
  if (o.acceptance.empty())
    throw Error("--draft needs --acceptance, the probability that a drafted token is right");
  double a = 0;
  const char* const end = o.acceptance.data() + o.acceptance.size();
  const auto read = std::from_chars(o.acceptance.data(), end, a);
  if (read.ec != std::errc() || read.ptr != end || !(a >= 0 && a <= 1))
    throw Error(fmt::format("--acceptance: '{}' is not a number from 0 to 1", o.acceptance));
  return a;
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
  sub.add_option("--weights", o.weights,
                 "Format of the weights: fp32, bf16, fp8, fp8-block, int8, int4, int4-g32, awq, "
                 "mxfp4, nvfp4, or native: as published")
      ->capture_default_str();
  sub.add_option("--experts", o.experts, "Format of routed experts (default: as the weights)");
  sub.add_option("--head", o.head,
                 "Format of the embedding, the output projection and the routers (default: as the "
                 "weights)");
  sub.add_option("--kv", o.kv, "Format of the KV cache: fp32, bf16, fp8, int8, int4")
      ->capture_default_str();
  sub.add_option("--draft", o.drafts, "Tokens drafted a step and checked by the model at once")
      ->delimiter(',')
      ->capture_default_str();
  sub.add_option("--acceptance", o.acceptance,
                 "Probability that a drafted token is right if those before it are: 0 to 1");
  sub.add_option("--draft-model", o.draft_model,
                 "What drafts: mtp (the model's own module), a model (its formats by the same "
                 "options), or none (looked up, free)")
      ->capture_default_str();
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
  const model::Format kv = parse_format(o.kv, "--kv", model::kv_formats);
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
  const auto drafted = drafts(o);
  const bool any = std::any_of(drafted.begin(), drafted.end(), [](int k) { return k > 0; });
  if (!any && (!o.acceptance.empty() || o.draft_model != CaseOptions().draft_model))
    throw Error("--acceptance and --draft-model need --draft, the number of tokens");
  const double accepted = any ? acceptance(o) : 0;
  for (const auto& t : models) {
    const model::WeightFormats w = weight_formats(o, t);
    const Drafter drafting = any ? drafter(o, t) : Drafter{};
    const model::Transformer* by = drafting.by ? &*drafting.by : nullptr;
    for (const auto& m : machines) {
      for (long long context : contexts) {
        for (const auto& p : spread) {
          for (long long batch : batches) {
            const model::Workload work{double(batch), double(context), w.weights, kv, w.experts, 1,
                                       w.head};
            for (int k : drafted) {
              const model::Drafts d{k, accepted, by, drafting.formats};
              f(m, {&t, work, p, conventions, k > 0 ? d : model::Drafts{}});
            }
          }
        }
      }
    }
  }
}

}  // namespace limen::cli
