#include "cli/cases.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/cards/laws.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/cards/suggest.hpp"
#include "model/cards/units.hpp"
#include "model/error.hpp"

namespace limen::cli {
namespace {

std::vector<long long> counts(const std::vector<std::string>& words, const std::string& where,
                              long long most, bool may_be_auto = true) {
  std::vector<long long> out;
  for (const auto& w : words) {
    if (may_be_auto && w == "auto") {
      if (words.size() > 1)
        throw Error(fmt::format("{}: auto finds the best of all; give it alone", where));
      out.push_back(0);
      continue;
    }
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
    return parse_weight_format(word, option);
  };
  model::WeightFormats f;
  f.weights = of(o.weights, "--weights", f.weights, t.native.weights);
  f.experts = of(t.expert_parameters() > 0 ? o.experts : "", "--experts",
                 native ? t.native.experts : f.weights, t.native.experts);
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
    out.push_back(w == "0" ? 0 : int(counts({w}, "--draft", most, false)[0]));
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

std::string words(const model::Partition& p) {
  return fmt::format("tp {}, pp {}, ep {}, dp {}", p.tp, p.pp, p.ep, p.dp);
}

// Why a search found nothing: what came closest.
std::string nothing_found(const model::Machine& m, model::Case c, const model::Found& closest,
                          double at_least) {
  c.partition = closest.partition;
  c.workload.batch = closest.batch;
  const std::string why = closest.utps > 0 ? fmt::format("gives a user {:.4g} tokens/s, not {:.4g}",
                                                         closest.utps, at_least)
                                           : model::predict(m, c).why_not;
  return fmt::format(
      "{} on {}, context {:.0f}: nothing is feasible; closest is {}, batch {:.0f}: {}",
      c.transformer->name, m.name, c.workload.context, words(closest.partition), closest.batch,
      why);
}

}  // namespace

void need_experts(const std::vector<model::Transformer>& models, const std::string& named) {
  if (std::none_of(models.begin(), models.end(),
                   [](const auto& t) { return t.expert_parameters() > 0; }))
    throw Error(fmt::format("--experts: {} has no routed experts", named));
}

model::Machine named_machine(const std::string& name, const std::string& engine,
                             const std::string& option) {
  auto m = cards::find_machine(name, option);
  const bool is_file = name.find('/') != std::string::npos || name.ends_with(".toml");
  if (is_file && engine.empty()) return m;
  const std::string law = engine.empty() ? "none" : engine;
  m = cards::with_laws(std::move(m), cards::built_in_laws(), law);
  if (law != "none" && law != "ideal" && !m.engine_step && !m.engine_layer)
    throw Error(fmt::format("--engine {}: no engine is known for {}; leave it out", law, m.name));
  return m;
}

std::vector<model::Machine> named_machines(const CaseOptions& o) {
  std::vector<model::Machine> machines, networks;
  for (const auto& name : o.networks) networks.push_back(cards::find_network(name));
  for (const auto& name : o.machines) {
    machines.push_back(named_machine(name, o.engine));
    for (const auto& n : networks) cards::connect(machines.back(), n);
    std::set<std::string> keys;
    for (const auto& s : o.sets) {
      if (const auto key = s.substr(0, s.find('=')); !keys.insert(key).second)
        throw Error(fmt::format("--set {} is given twice", key));
      cards::set_parameter(machines.back(), s);
    }
    cards::check_tiers(machines.back(), "--set");
    for (const auto& n : networks)
      if (n.sync_net && !n.sync_tp && machines.back().devices_per_node == 0)
        fmt::print(stderr,
                   "limen: --network {} links nodes, and {} does not say how many devices are in "
                   "one: its collectives stay as they are (--set devices_per_node=8, say)\n",
                   n.name, machines.back().name);
  }
  return machines;
}

model::Format parse_weight_format(const std::string& word, const std::string& where) {
  return parse_format(word, where, model::weight_formats);
}
model::Format parse_kv_format(const std::string& word, const std::string& where) {
  return parse_format(word, where, model::kv_formats);
}

model::Conventions parse_conventions(const std::string& word) {
  if (word == "paper") return model::Conventions::paper();
  if (word == "exact") return {};
  throw Error(fmt::format("--conventions: unknown '{}'{}", word,
                          cards::suggestion(word, {"exact", "paper"})));
}

void add_setting_options(CLI::App& sub, CaseOptions& o) {
  sub.add_option("--model", o.models, "Model name or Hugging Face config.json; several with commas")
      ->delimiter(',')
      ->required();
  sub.add_option("--machine", o.machines, "Machine name or machine.toml; several with commas")
      ->delimiter(',')
      ->required();
  sub.add_option("--batch", o.batches, "Sequences decoded together, or auto")
      ->delimiter(',')
      ->capture_default_str();
  sub.add_option("--tp", o.tps, "Tensor-parallel ranks, or auto")
      ->delimiter(',')
      ->capture_default_str();
  sub.add_option("--pp", o.pps, "Pipeline stages, or auto")->delimiter(',')->capture_default_str();
  sub.add_option("--ep", o.eps, "Expert-parallel ranks of a stage's tp x dp, or auto")
      ->delimiter(',')
      ->capture_default_str();
  sub.add_option("--dp", o.dps,
                 "Replicas of the attention, each with its share of the batch, or auto")
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
  sub.add_option("--network", o.networks,
                 "Network instead of the machine's own, by name or file; several with commas")
      ->delimiter(',');
  sub.add_option("--set", o.sets,
                 "KEY=VALUE: change a parameter of the machine, keep its measured efficiencies");
  sub.add_option(
      "--engine", o.engine,
      "Serving engine on a known accelerator: trtllm, vllm, gpt-fast, lmdeploy, llama.cpp, "
      "..., unknown, none (kernels alone; the default), ideal (the datasheet's limit)");
  sub.add_option(
         "--conventions", o.conventions,
         "exact, or paper: as arXiv 2507.14397 counts (2^40 B/s a TB/s, nominal parameters, "
         "KV divided evenly, 3 synchronizations a layer)")
      ->capture_default_str();
  sub.add_flag("--json", o.json, "An array of objects on stdout");
}

void add_case_options(CLI::App& sub, CaseOptions& o) {
  add_setting_options(sub, o);
  sub.add_option("--context", o.contexts, "Tokens in the KV cache; k = 1024")
      ->delimiter(',')
      ->capture_default_str();
  sub.add_option("--for", o.goal,
                 "What auto looks for: utps, the most tokens/s of a user, or stps, of the machine")
      ->capture_default_str();
  sub.add_option("--at-least", o.at_least, "With --for stps: tokens/s that each user must have");
  sub.add_flag("--all", o.all, "Of auto, every partition that is feasible, the best first");
}

std::vector<model::Space> spaces(const CaseOptions& o) {
  constexpr long long most = 1 << 20, most_batch = 1LL << 30;
  std::vector<model::Space> out;
  for (long long tp : counts(o.tps, "--tp", most)) {
    for (long long pp : counts(o.pps, "--pp", most)) {
      for (long long ep : counts(o.eps, "--ep", most)) {
        for (long long dp : counts(o.dps, "--dp", most)) {
          const long long ranks = std::max(tp, 1LL) * std::max(pp, 1LL) * std::max(dp, 1LL);
          if (ranks > most)
            throw Error(fmt::format("--tp x --pp x --dp: {} ranks are more than {}", ranks, most));
          for (long long batch : counts(o.batches, "--batch", most_batch))
            out.push_back({int(tp), int(pp), int(ep), int(dp), double(batch)});
        }
      }
    }
  }
  return out;
}

void for_each_setting(const CaseOptions& o,
                      const std::function<void(const model::Machine&, const model::Case&)>& f) {
  const model::Format kv = parse_kv_format(o.kv, "--kv");
  const auto conventions = parse_conventions(o.conventions);
  const auto spread = spaces(o);
  std::vector<model::Transformer> models;
  for (const auto& name : o.models) {
    models.push_back(cards::find_model(name));
    for (const auto& s : spread) {
      if (s.pp > models.back().layers())
        throw Error(
            fmt::format("--pp {}: {} has only {} layers", s.pp, name, models.back().layers()));
    }
  }
  if (!o.experts.empty()) need_experts(models, fmt::format("{}", fmt::join(o.models, ", ")));
  const auto machines = named_machines(o);
  const auto drafted = drafts(o);
  const bool any = std::any_of(drafted.begin(), drafted.end(), [](int k) { return k > 0; });
  if (!any && (!o.acceptance.empty() || o.draft_model != CaseOptions().draft_model))
    throw Error("--acceptance and --draft-model need --draft, the number of tokens");
  const double accepted = any ? acceptance(o) : 0;
  for (const auto& t : models) {
    const model::WeightFormats w = weight_formats(o, t);
    const Drafter drafting = any ? drafter(o, t) : Drafter{};
    const model::Transformer* by = drafting.by ? &*drafting.by : nullptr;
    const model::Workload work{1, 1, w.weights, kv, w.experts, 1, w.head};
    for (const auto& m : machines) {
      for (int k : drafted) {
        const model::Drafts d{k, accepted, by, drafting.formats};
        f(m, {&t, work, {}, conventions, k > 0 ? d : model::Drafts{}});
      }
    }
  }
}

void for_each_case(const CaseOptions& o,
                   const std::function<void(const model::Machine&, const model::Case&)>& f) {
  if (o.goal != "utps" && o.goal != "stps") {
    throw Error(
        fmt::format("--for: unknown '{}'{}", o.goal, cards::suggestion(o.goal, {"utps", "stps"})));
  }
  const auto goal = o.goal == "utps" ? model::Goal::utps : model::Goal::stps;
  if (!std::isfinite(o.at_least) || o.at_least < 0)
    throw Error("--at-least needs tokens/s of a user, zero or more");
  if (o.at_least > 0 && goal == model::Goal::utps)
    throw Error("--at-least goes with --for stps: --for utps gives each user the most there is");
  const auto contexts = counts(o.contexts, "--context", 1LL << 30, false);
  const auto spread = spaces(o);
  const bool open =
      std::any_of(spread.begin(), spread.end(), [](const model::Space& s) { return s.open(); });
  if (!open && (o.at_least > 0 || o.all || goal == model::Goal::stps))
    throw Error("--for, --at-least and --all choose among what auto finds: give --batch auto, say");
  std::string nothing;
  bool any = false;
  for_each_setting(o, [&](const model::Machine& m, model::Case c) {
    auto call = [&](model::Partition p, double batch) {
      any = true;
      c.partition = p;
      c.workload.batch = batch;
      f(m, c);
    };
    for (long long context : contexts) {
      c.workload.context = double(context);
      for (const auto& s : spread) {
        if (!s.open()) {
          call({s.tp, s.pp, s.ep, s.dp}, s.batch);
          continue;
        }
        const auto result = model::search(m, c, s, goal, o.at_least);
        if (result.found.empty()) {
          if (!nothing.empty()) fmt::print(stderr, "limen: {}\n", nothing);
          nothing = nothing_found(m, c, result.closest, o.at_least);
        }
        for (const auto& found : result.found) {
          call(found.partition, found.batch);
          if (!o.all) break;
        }
      }
    }
  });
  if (!any) throw Error(nothing, Exit::failed);
  if (!nothing.empty()) fmt::print(stderr, "limen: {}\n", nothing);
}

}  // namespace limen::cli
