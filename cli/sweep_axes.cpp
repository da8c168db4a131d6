#include "cli/sweep_axes.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "cli/cases.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/cards/suggest.hpp"
#include "model/cards/units.hpp"
#include "model/error.hpp"
#include "model/parameter_slot.hpp"
#include "model/sweep/draws.hpp"

namespace limen::cli {
namespace {

constexpr long long most_values = 10'000'000;  // of an axis: they are kept in memory

std::vector<std::string> pieces_of(const std::string& text, const std::string& where) {
  std::vector<std::string> out(1);
  for (char c : text) {
    if (c == ',') {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  for (const auto& p : out) {
    if (p.find_first_not_of(' ') == std::string::npos)
      throw Error(fmt::format("{}: '{}' has an empty value; write for example 1,2,4", where, text));
  }
  return out;
}

void append_range(const std::string& piece, std::size_t dots, const std::string& where,
                  const std::function<double(const std::string&)>& parse,
                  std::vector<double>& out) {
  const auto colon = piece.find(':', dots);
  if (colon == std::string::npos) {
    throw Error(fmt::format("{}: '{}' does not say how many values; write lo..hi:n or lo..hi:n:log",
                            where, piece));
  }
  std::string count = piece.substr(colon + 1);
  bool log = false;
  if (const auto second = count.find(':'); second != std::string::npos) {
    const std::string spacing = count.substr(second + 1);
    if (spacing != "log") {
      throw Error(fmt::format("{}: '{}' has an unknown spacing '{}'{}", where, piece, spacing,
                              cards::suggestion(spacing, {"log"})));
    }
    log = true;
    count.erase(second);
  }
  const double low = parse(piece.substr(0, dots));
  const double high = parse(piece.substr(dots + 2, colon - dots - 2));
  const long long n = cards::parse_count(count, where + ": number of values");
  if (n < 2 || n > most_values - static_cast<long long>(out.size()))
    throw Error(fmt::format("{}: '{}' must have 2 to {} values", where, piece, most_values));
  if (!(low < high)) throw Error(fmt::format("{}: '{}' must begin below its end", where, piece));
  if (log && low <= 0)
    throw Error(fmt::format("{}: '{}' cannot begin at zero with log", where, piece));
  for (long long i = 0; i < n; ++i) {
    const double share = double(i) / double(n - 1);
    out.push_back(i == 0       ? low
                  : i == n - 1 ? high
                  : log        ? low * std::pow(high / low, share)
                               : low + (high - low) * share);
  }
}

std::vector<double> counts(const std::string& text, const std::string& where, long long most) {
  auto values = axis_values(text, where, true, [&](const std::string& one) {
    const long long n = cards::parse_count(one, where);
    if (n > most) throw Error(fmt::format("{}: {} is more than {}", where, one, most));
    return static_cast<double>(n);
  });
  return values;
}

std::vector<int> ranks(const std::string& text, const std::string& where) {
  std::vector<int> out;
  for (double v : counts(text, where, 1 << 20)) out.push_back(static_cast<int>(v));
  return out;
}

std::vector<model::Format> formats(const std::string& text, const std::string& where,
                                   model::Format (*parse)(const std::string&, const std::string&)) {
  std::vector<model::Format> out;
  for (const auto& p : pieces_of(text, where)) out.push_back(parse(p, where));
  return out;
}

void apply_sets(const std::vector<std::string>& sets, model::Grid& grid) {
  for (const auto& set : sets) {
    const auto equals = set.find('=');
    const std::string key = set.substr(0, equals), where = "--set " + key;
    if (equals == std::string::npos) {
      for (auto& m : grid.machines) cards::set_parameter(m, set);  // says what is wrong
      continue;
    }
    bool whole = false;
    model::Machine any;
    model::for_each_count(any, [&](const char* name, int&) { whole = whole || key == name; });
    const auto values = axis_values(
        set.substr(equals + 1), where, whole,
        [&](const std::string& one) { return cards::parse_parameter(key, one, where); });
    for (const auto& axis : grid.machine_axes) {
      if (axis.key == key) throw Error(where + " is given twice; list its values in one");
    }
    grid.machine_axes.push_back({key, values});
  }
}

}  // namespace

std::vector<double> axis_values(const std::string& text, const std::string& where, bool whole,
                                const std::function<double(const std::string&)>& parse) {
  std::vector<double> out;
  for (const auto& piece : pieces_of(text, where)) {
    if (const auto dots = piece.find(".."); dots != std::string::npos) {
      append_range(piece, dots, where, parse, out);
    } else {
      out.push_back(parse(piece));
    }
  }
  if (whole) {
    std::vector<double> once;
    for (double& v : out) v = std::nearbyint(v);
    for (double v : out) {
      if (once.empty() || once.back() != v) once.push_back(v);
    }
    return once;
  }
  return out;
}

void add_sweep_axes(CLI::App& sub, SweepAxes& a) {
  sub.add_option("--model", a.models, "Models, by name or Hugging Face config.json")->required();
  sub.add_option("--machine", a.machines, "Machines, by name or machine.toml")->required();
  sub.add_option("--set", a.sets,
                 "KEY=VALUES of a parameter of the machine: 1TB/s,2TB/s or 1TB/s..18TB/s:100 or "
                 "1TB/s..18TB/s:100:log");
  sub.add_option("--batch", a.batch, "Sequences decoded together: 1,8 or 1..512:10:log")
      ->capture_default_str();
  sub.add_option("--context", a.context, "Tokens in the KV cache, likewise; k = 1024")
      ->capture_default_str();
  sub.add_option("--tp", a.tp, "Tensor-parallel ranks, likewise")->capture_default_str();
  sub.add_option("--pp", a.pp, "Pipeline stages, likewise")->capture_default_str();
  sub.add_option("--ep", a.ep, "Expert-parallel ranks, likewise")->capture_default_str();
  sub.add_option("--dp", a.dp, "Replicas of the attention, likewise")->capture_default_str();
  sub.add_option("--weights", a.weights, "Formats of the weights")->capture_default_str();
  sub.add_option("--experts", a.experts,
                 "Formats of routed experts (default: that of the weights)");
  sub.add_option("--kv", a.kv, "Formats of the KV cache")->capture_default_str();
  sub.add_option("--conventions", a.conventions, "exact, or paper (see limen predict --help)")
      ->capture_default_str();
  auto* draws =
      sub.add_option("--monte-carlo", a.draws,
                     "So many machines, each parameter drawn from its interval: an axis of draws");
  sub.add_option("--seed", a.seed, "Seed of the draws")
      ->check([](const std::string& seed) {
        return seed.starts_with('-') ? "'" + seed + "' is below 0" : std::string();
      })
      ->needs(draws)
      ->capture_default_str();
}

model::Grid grid_of(const SweepAxes& a) {
  model::Grid g;
  for (const auto& name : pieces_of(a.models, "--model"))
    g.models.push_back(cards::find_model(name));
  for (const auto& name : pieces_of(a.machines, "--machine"))
    g.machines.push_back(named_machine(name));
  apply_sets(a.sets, g);
  g.weights = formats(a.weights, "--weights", parse_weight_format);
  if (!a.experts.empty()) {
    g.experts = formats(a.experts, "--experts", parse_weight_format);
    need_experts(g.models, a.models);
  }
  g.kv = formats(a.kv, "--kv", parse_kv_format);
  g.tp = ranks(a.tp, "--tp");
  g.pp = ranks(a.pp, "--pp");
  g.ep = ranks(a.ep, "--ep");
  g.dp = ranks(a.dp, "--dp");
  g.batches = counts(a.batch, "--batch", 1LL << 30);
  g.contexts = counts(a.context, "--context", 1LL << 30);
  g.conventions = parse_conventions(a.conventions);
  auto largest = [](const std::vector<int>& v) {
    return static_cast<long long>(*std::max_element(v.begin(), v.end()));
  };
  if (largest(g.tp) * largest(g.pp) > (1 << 20) ||
      largest(g.tp) * largest(g.pp) * largest(g.dp) > (1 << 20)) {
    throw Error(fmt::format("--tp x --pp x --dp: more than {} ranks", 1 << 20));
  }
  for (const auto& t : g.models) {
    if (largest(g.pp) > t.layers())
      throw Error(fmt::format("--pp {}: {} has only {} layers", largest(g.pp), t.name, t.layers()));
  }
  for (model::Machine m : g.machines) {
    for (const auto& axis : g.machine_axes)
      model::parameter_setter(m, axis.key, "sweep")(axis.values.front());
    cards::check_tiers(m, "--set");
  }
  if (!a.draws.empty()) {
    g.draws = static_cast<std::uint64_t>(cards::parse_count(a.draws, "--monte-carlo"));
    g.seed = a.seed;
    for (const auto& m : g.machines) {
      model::Machine copy = m;
      for (const auto& axis : g.machine_axes) model::parameter_setter(copy, axis.key, "sweep");
      if (model::Draws(copy, 0).parameters() == 0) {
        throw Error(
            fmt::format("--monte-carlo: no parameter of {} has an interval; limen calibrate makes "
                        "machines that have",
                        m.name));
      }
    }
  }
  if (!g.points()) throw Error("the grid has 2^63 configurations or more; shorten its axes");
  return g;
}

std::uint64_t hash_of_grid(const model::Grid& g) {
  std::string text;
  auto add = [&](const auto& values) {
    for (const auto& v : values) text += fmt::format("{},", v);
    text += ';';
  };
  for (const auto& t : g.models) {
    text += fmt::format("{} {} {} {} {};", t.name, t.parameters(), t.active_parameters(),
                        t.nominal_parameters, t.tied);
    for (const auto& x : t.attention) text += fmt::format("{} {},", x.kv_elements(), x.window);
  }
  for (const auto& m : g.machines) text += cards::write_machine(m);
  for (const auto* list : {&g.weights, &g.experts, &g.kv}) {
    for (model::Format f : *list) text += fmt::format("{},", model::name(f));
    text += ';';
  }
  for (const auto* list : {&g.tp, &g.pp, &g.ep, &g.dp}) add(*list);
  for (const auto& axis : g.machine_axes) {
    text += axis.key;
    add(axis.values);
  }
  add(g.batches);
  add(g.contexts);
  const auto& c = g.conventions;
  text += fmt::format("{} {} {} {} {} {}", g.draws, g.draws ? g.seed : 0, c.binary_terabytes,
                      c.nominal_parameters, c.even_kv, c.syncs_per_layer);
  return model::hash_of(text);
}

}  // namespace limen::cli
