#include "model/cards/laws.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "model/cards/all_reduce_law.hpp"
#include "model/cards/device.hpp"
#include "model/cards/embedded.hpp"
#include "model/cards/parse_toml.hpp"
#include "model/cards/suggest.hpp"
#include "model/cards/units.hpp"
#include "model/error.hpp"
#include "model/resolve.hpp"

namespace limen::cards {

using namespace model;

namespace {

std::string quoted(const std::string& s) {
  std::ostringstream out;
  out << toml::value<std::string>(s);
  return out.str();
}

std::string text_of(const std::string& parameter, double v) {
  return is_time(parameter) ? to_text(seconds(v), 4) : fmt::format("{:.4g}", v);
}

double number_of(const std::string& parameter, const toml::table& t, const char* key,
                 const std::string& origin) {
  const toml::node* node = t.get(key);
  const auto at = (node ? node->source() : t.source()).begin;
  const std::string where =
      fmt::format("{}:{}:{}: {}.{}", origin, at.line, at.column, parameter, key);
  const auto text = node ? node->value<std::string>() : std::nullopt;
  if (!text) throw Error(where + ": must be text with its unit, in quotes");
  return is_time(parameter) ? parse<Seconds>(*text, where).in(seconds)
                            : double(parse<Quantity<Scalar>>(*text, where));
}

}  // namespace

bool is_time(std::string_view p) {
  for (std::string_view time : {"fixed", "launch", "serial", "alpha", "base", "hop", "host",
                                "layer", "step", "sequence", "request", "experts"})
    if (p == time) return true;
  return false;
}

bool Law::has(std::string_view parameter) const {
  return std::any_of(parameters.begin(), parameters.end(),
                     [&](const auto& p) { return p.first == parameter; });
}

const LawValue& Law::of(std::string_view parameter) const {
  for (const auto& [name, value] : parameters)
    if (name == parameter) return value;
  throw Error(
      fmt::format("the law of {} {} has no '{}'; regenerate it with limen calibrate --published",
                  kind, variant, parameter));
}

const Law* Laws::find(std::string_view kind, std::string_view variant, std::string_view device,
                      const std::vector<std::string>& groups) const {
  const Law* best = nullptr;
  std::size_t rank = groups.size() + 1;
  for (const Law& l : all) {
    if (l.kind != kind || l.variant != variant) continue;
    if (!device.empty() && l.device == device) return &l;
    if (!l.pooled()) continue;
    const auto at =
        static_cast<std::size_t>(std::find(groups.begin(), groups.end(), l.group) - groups.begin());
    if ((at < groups.size() || l.group == "all") && at < rank) {
      best = &l;
      rank = at;
    }
  }
  return best;
}

std::vector<std::string> relatives(const Device& device, const Machine& card,
                                   std::string_view kind) {
  const std::string links(link_group(card)), own(generation(device));
  if (kind == "all_reduce") return {own + " " + links, links};
  return {own, std::string(device.group)};
}

Laws read_laws(std::string_view text, const std::string& origin) {
  const toml::table root = parse_toml(text, origin);
  if (root["schema"].value_or(0) != 1)
    throw Error(origin + ": 'schema' is not 1; is this a file of laws that this limen writes?");
  Laws laws;
  const toml::array* list = root["law"].as_array();
  if (!list || !list->is_homogeneous<toml::table>()) throw Error(origin + ": no [[law]] tables");
  for (const auto& node : *list) {
    const toml::table& t = *node.as_table();
    Law law;
    for (auto&& [k, v] : t) {
      const std::string key(k.str());
      const auto at = v.source().begin;
      if (const toml::table* p = v.as_table()) {
        LawValue value{number_of(key, *p, "value", origin), number_of(key, *p, "low", origin),
                       number_of(key, *p, "high", origin)};
        if (!(value.low <= value.value && value.value <= value.high))
          throw Error(fmt::format("{}:{}:{}: {}: low <= value <= high must hold", origin, at.line,
                                  at.column, key));
        law.parameters.emplace_back(key, value);
      } else if (key == "scatter") {
        law.scatter = v.value_or(0.0);
      } else if (key == "points") {
        law.points = static_cast<int>(v.value_or(std::int64_t{0}));
      } else {
        std::string* word = key == "kind"      ? &law.kind
                            : key == "variant" ? &law.variant
                            : key == "device"  ? &law.device
                            : key == "group"   ? &law.group
                            : key == "source"  ? &law.source
                                               : nullptr;
        if (!word)
          throw Error(fmt::format("{}:{}:{}: unknown key '{}'", origin, at.line, at.column, key));
        *word = v.value_or(std::string());
      }
    }
    // TOML tables are sorted by key; formulas name their parameters, so that order does not matter.
    laws.all.push_back(std::move(law));
  }
  return laws;
}

std::string write_laws(const Laws& laws, const std::string& heading) {
  std::string out;
  std::istringstream lines(heading);
  for (std::string line; std::getline(lines, line);) out += "# " + line + "\n";
  out += "schema = 1\n";
  for (const Law& l : laws.all) {
    out += fmt::format("\n[[law]]\nkind = {}\nvariant = {}\n", quoted(l.kind), quoted(l.variant));
    if (!l.device.empty()) out += fmt::format("device = {}\n", quoted(l.device));
    out += fmt::format("group = {}\nscatter = {:.4g}\npoints = {}\nsource = {}\n", quoted(l.group),
                       l.scatter, l.points, quoted(l.source));
    for (const auto& [name, v] : l.parameters)
      out += fmt::format("{} = {{ value = \"{}\", low = \"{}\", high = \"{}\" }}\n", name,
                         text_of(name, v.value), text_of(name, v.low), text_of(name, v.high));
  }
  return out;
}

const Laws& built_in_laws() {
  static const Laws laws = read_laws(embedded_laws(), "laws.toml (built in)");
  return laws;
}

std::vector<std::string> engine_names(const Laws& laws) {
  std::set<std::string> names = {"ideal", "none"};
  for (const Law& l : laws.all)
    if (l.kind == "engine") names.insert(l.variant);
  return {names.begin(), names.end()};
}

std::string_view link_group(const Machine& m) {
  return m.sync_tp_bandwidth && m.sync_tp_bandwidth->value > gigabytes_per_second(150.0)
             ? "switched"
             : "slots";
}

bool switch_adds(const Device& device, const Machine& m) {
  const std::string_view g = generation(device);
  return link_group(m) == "switched" && (g == "hopper" || g == "blackwell" || g == "rubin");
}

std::string engine_library(const std::string& engine) {
  // gpt-fast has kernels of its own for all-reduces within a node, captured with the rest of a
  // step.
  if (engine == "vllm" || engine == "gpt-fast" || engine == "none") return "graph";
  if (engine == "trtllm") return "fused";
  return "nccl";
}

namespace {

inline constexpr Unit<Scalar> pure{1};

// A fraction of a peak, its odds multiplied: values and half-widths add in the logit, the latter in
// quadrature. So moved it stays a fraction.
LawValue shifted(const LawValue& fraction, const LawValue& odds) {
  auto logit = [](double v) {
    const double below_one = std::min(v, 1 - 1e-6);
    return std::log(below_one / (1 - below_one));
  };
  auto back = [](double x) { return 1 / (1 + std::exp(-x)); };
  const double middle = logit(fraction.value), at = middle + std::log(odds.value);
  return {back(at),
          back(at - std::hypot(middle - logit(fraction.low), std::log(odds.value / odds.low))),
          back(at + std::hypot(logit(fraction.high) - middle, std::log(odds.high / odds.value)))};
}

LawValue multiplied(const LawValue& v, const LawValue& factor) {
  if (!(v.value > 0)) return v;
  const double at = v.value * factor.value;
  return {
      at,
      at * std::exp(-std::hypot(std::log(v.value / v.low), std::log(factor.value / factor.low))),
      at * std::exp(std::hypot(std::log(v.high / v.value), std::log(factor.high / factor.value)))};
}

template <class Q, class U>
Parameter<Q> parameter(const LawValue& v, U unit, const Law& law) {
  return {unit(v.value), unit(v.low), unit(v.high),
          law.pooled() ? Evidence::pooled : Evidence::fitted, law.source};
}

// Applies `f` to a parameter's value, low and high, in `unit`.
template <class P, class U, class F>
void change(P& p, U unit, F&& f) {
  const LawValue v = f(LawValue{p.value.in(unit), p.low.in(unit), p.high.in(unit)});
  p.value = unit(v.value);
  p.low = unit(std::min(v.low, v.value));
  p.high = unit(std::max(v.high, v.value));
}

// To six digits, which is more than differences and laws have.
double short_number(double v) { return std::strtod(fmt::format("{:.6g}", v).c_str(), nullptr); }

// The law of a library as straight pieces: it bends to the right, so that the lines that touch it
// meet above it and the least of them is it within some percent.
void add_collectives(Machine& m, const Law& law, const std::string& library, bool adds) {
  // A card without links of its own is in a PCIe slot.
  Fabric fabric;
  fabric.link = m.sync_tp_bandwidth ? m.sync_tp_bandwidth->value.in(bytes_per_second) : 32e9;
  fabric.memory = m.memory_bandwidth->value.in(bytes_per_second);
  fabric.adds = adds;
  std::vector<double> values;
  const auto& parameters = all_reduce_parameters(library);
  for (const auto& p : parameters) values.push_back(law.of(p.name).value);
  for (int p : {2, 4, 8, 16, 32, 72}) {
    auto time = [&](double b) {
      return all_reduce_seconds(all_reduce_law(library, values), fabric, p, b);
    };
    struct Line {
      double from, alpha, beta, down, up;
    };
    std::vector<Line> lines;
    for (double touched = 8192; touched < 1e9; touched *= 8) {
      constexpr double step = 1e-3;
      const double at = time(touched),
                   beta = short_number((time(touched * (1 + step)) - at) / (touched * step)),
                   alpha = short_number(at - beta * touched);
      if (!lines.empty() && beta > 0.999 * lines.back().beta) continue;  // the same line
      double down = 0, up = 0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const LawValue v = law.of(parameters[i].name);
        for (double end : {v.low, v.high}) {
          values[i] = end;
          const double effect = std::log(time(touched) / at);
          (effect < 0 ? down : up) += effect * effect;
        }
        values[i] = v.value;
      }
      const double from =
          lines.empty() ? 0 : (alpha - lines.back().alpha) / (lines.back().beta - beta);
      lines.push_back({from, alpha, beta, std::exp(-std::sqrt(down)), std::exp(std::sqrt(up))});
    }
    for (const Line& l : lines) {
      CollectivePiece out;
      out.ranks = p;
      const auto around = [&](double v) {
        return LawValue{v, short_number(v * l.down), short_number(v * l.up)};
      };
      out.from = bytes(std::round(l.from));
      out.alpha = parameter<Seconds>(around(l.alpha), seconds, law);
      out.beta = parameter<SecondsPerByte>(around(l.beta), seconds_per_byte, law);
      out.scatter = law.scatter;
      m.all_reduce.push_back(std::move(out));
    }
  }
  if (!m.sync_floor)
    m.sync_floor = Parameter<Seconds>::exact(microseconds(1.3), Evidence::pooled,
                                             "half of the fastest published all-reduce");
}

// What an engine makes of the kernels: see calibration/published/engine.hpp.
void add_engine(Machine& m, const Law& law) {
  for (Format f : formats) {
    auto& linear = m.law(f);
    const auto* peak = matrix_peak(m, f);
    if (linear.efficiency)
      change(*linear.efficiency, pure, [&](const LawValue& v) {
        return shifted(v, law.of(f == Format::int8 || f == Format::int4 ? "quantized" : "linear"));
      });
    if (linear.rate && peak)
      change(*linear.rate, Unit<OperationRate>{peak->value.in(flops_per_second)},
             [&](const LawValue& v) { return shifted(v, law.of("arithmetic")); });
    linear.scatter = 0;  // contained in that of the engine
  }
  if (m.memory_efficiency)
    change(*m.memory_efficiency, pure,
           [&](const LawValue& v) { return shifted(v, law.of("attention")); });
  for (auto& piece : m.all_reduce) {
    const auto longer = [&](const LawValue& v) { return multiplied(v, law.of("exchange")); };
    change(piece.alpha, seconds, longer);
    change(piece.beta, seconds_per_byte, longer);
    piece.scatter = 0;
  }
  m.engine_step = parameter<Seconds>(law.of("step"), seconds, law);
  m.engine_layer = parameter<Seconds>(law.of("layer"), seconds, law);
  m.engine_experts = parameter<Seconds>(law.of("experts"), seconds, law);
  m.engine_sequence = parameter<Seconds>(law.of("sequence"), seconds, law);
  m.engine_scatter = law.scatter;
}

}  // namespace

Machine with_kernels(Machine m, const Laws& laws, const std::string& library) {
  const Device* device = find_device(m.name);
  if (!device) return m;
  auto find = [&](const char* kind, const std::string& variant) {
    return laws.find(kind, variant, device->card, relatives(*device, m, kind));
  };
  for (Format f : formats) {
    const Law* law = find("linear", f == Format::fp32 ? "bf16" : name(f));
    if (!law) law = find("linear", "bf16");
    auto& linear = m.law(f);
    if (!law || linear.efficiency) continue;
    // Weights of 4 and 8 bits with 16-bit activations are multiplied in 16 bits.
    const auto* peak = matrix_peak(m, f == Format::int8 || f == Format::int4 ? Format::bf16 : f);
    linear.efficiency = parameter<Quantity<Scalar>>(law->of("efficiency"), pure, *law);
    // Kernels of narrow formats were timed with the preparation of their activations, which engines
    // fuse into what comes before: the fixed time is that of the 16-bit kernel.
    const Law* plain = find("linear", "bf16");
    if (!linear.fixed && plain)
      linear.fixed = parameter<Seconds>(plain->of("fixed"), seconds, *plain);
    if (!linear.rate && peak)
      linear.rate = parameter<FlopsPerSecond>(
          law->of("rate"), Unit<OperationRate>{peak->value.in(flops_per_second)}, *law);
    linear.overlap = parameter<Quantity<Scalar>>(law->of("overlap"), pure, *law);
    linear.scatter = law->scatter;
  }
  if (const Law* law = find("attention", "bf16"); law && !m.memory_efficiency)
    m.memory_efficiency = parameter<Quantity<Scalar>>(law->of("efficiency"), pure, *law);
  if (const Law* law = find("all_reduce", library); law && m.all_reduce.empty())
    add_collectives(m, *law, library, switch_adds(*device, m));
  return m;
}

void check_engine(const Laws& laws, const std::string& engine) {
  const std::vector<std::string> engines = engine_names(laws);
  if (std::find(engines.begin(), engines.end(), engine) == engines.end())
    throw Error(
        fmt::format("--engine: unknown engine '{}'{}", engine, suggestion(engine, engines)));
}

Machine with_laws(Machine m, const Laws& laws, const std::string& engine) {
  check_engine(laws, engine);
  const Device* device = find_device(m.name);
  if (!device || engine == "ideal") return m;
  m = with_kernels(std::move(m), laws, engine_library(engine));
  if (engine != "none")
    add_engine(m, *laws.find("engine", engine, device->card, relatives(*device, m, "engine")));
  return m;
}

}  // namespace limen::cards
