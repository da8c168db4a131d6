#include "cli/sweep_rows.hpp"

#include <charconv>
#include <cmath>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "calibration/published/table.hpp"

namespace limen::cli {
namespace {

using model::Figures;

constexpr const char* figure_columns[] = {
    "fits",           "reason",          "utps",
    "stps",           "utps_ideal",      "stps_ideal",
    "binding_limit",  "next_limit",      "next_factor",
    "memory_seconds", "compute_seconds", "synchronization_seconds",
    "bytes_held"};

// Of a machine's key, for the heading.
std::string unit_of(const std::string& key) {
  std::string unit;
  model::Machine any;
  model::for_each_parameter(any, [&](const std::string& name, auto& p) {
    if (name != key) return;
    using D = typename decltype(p->value)::dimension;
    unit = std::is_same_v<D, model::Time>            ? "[s]"
           : std::is_same_v<D, model::Data>          ? "[B]"
           : std::is_same_v<D, model::DataRate>      ? "[B/s]"
           : std::is_same_v<D, model::OperationRate> ? "[FLOP/s]"
                                                     : "";
  });
  return unit;
}

std::string number(double v) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, v).ptr};
}

// A word as a cell: quoted where CSV needs it, always in JSON.
std::string quoted(const std::string& word, bool json) {
  return json ? nlohmann::json(word).dump() : calibration::quoted_cell(word);
}

char* put(char* at, const std::string& text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}
char* put(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

}  // namespace

const std::vector<Metric> metrics = {{"utps", &Figures::utps, true},
                                     {"stps", &Figures::stps, true},
                                     {"utps_ideal", &Figures::utps_ideal, true},
                                     {"stps_ideal", &Figures::stps_ideal, true},
                                     {"next_factor", &Figures::factor, false},
                                     {"memory_seconds", &Figures::memory, false},
                                     {"compute_seconds", &Figures::compute, false},
                                     {"synchronization_seconds", &Figures::sync, false},
                                     {"bytes_held", &Figures::held, false}};

Rows::Rows(const model::Grid& g, bool json) : grid_(g), json_(json), at_(g) {
  auto opening = [&](const std::string& name) {
    return json ? fmt::format(",{}:", nlohmann::json(name).dump()) : std::string(",");
  };
  auto axis = [&](const std::string& name, const auto& values, auto&& text) {
    names_.push_back(name);
    cells_.emplace_back();
    for (const auto& v : values) cells_.back().push_back(opening(name) + text(v));
  };
  auto word = [&](const auto& v) { return quoted(v.name, json); };
  auto format = [&](model::Format f) { return quoted(model::name(f), json); };
  auto whole = [](int v) { return std::to_string(v); };
  axis("model", g.models, word);
  axis("machine", g.machines, word);
  axis("weights", g.weights, format);
  if (g.experts.empty()) {  // those of the weights: see refresh_prefix
    axis("experts", g.weights, format);
  } else {
    axis("experts", g.experts, format);
  }
  axis("kv", g.kv, format);
  axis("tp", g.tp, whole);
  axis("pp", g.pp, whole);
  axis("ep", g.ep, whole);
  axis("dp", g.dp, whole);
  for (const auto& a : g.machine_axes) axis(a.key + unit_of(a.key), a.values, number);
  axis("draw", std::vector<int>(), whole);
  axis("batch", g.batches, number);
  axis("context", g.contexts, number);
  for (const char* name : figure_columns) openings_.push_back(opening(name));
  refresh_prefix();
}

std::string Rows::heading() const {
  if (json_) return "";
  std::string out = "index";
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (i != grid_.draw_place() || grid_.draws > 0) out += "," + names_[i];
  }
  for (const char* name : figure_columns) out += fmt::format(",{}", name);
  return out + "\n";
}

void Rows::refresh_prefix() {
  prefix_.clear();
  for (std::size_t i = 0; i < grid_.draw_place(); ++i) {
    const bool as_weights = i == model::Grid::expert && grid_.experts.empty();
    prefix_ += cells_[i][as_weights ? at_[model::Grid::weight] : at_[i]];
  }
  if (grid_.draws > 0)
    prefix_ += (json_ ? ",\"draw\":" : ",") + std::to_string(at_[grid_.draw_place()]);
}

void Rows::seek(std::uint64_t index) {
  at_.seek(index_ = index);
  refresh_prefix();
}

void Rows::skip() {
  ++index_;
  if (at_.advance(1) < grid_.batch_place()) refresh_prefix();
}

void Rows::append(const Figures& f, std::size_t i, std::string& out) {
  constexpr std::size_t most_of_figures = 1024;  // names and 10 numbers of at most 24 characters
  const std::string& batch = cells_[grid_.batch_place()][at_[grid_.batch_place()]];
  const std::string& context = cells_[grid_.context_place()][at_[grid_.context_place()]];
  const std::size_t begin = out.size();
  out.resize(begin + prefix_.size() + batch.size() + context.size() + most_of_figures);
  char* at = out.data() + begin;
  auto put_number = [&](double v, bool valid) {
    if (valid && std::isfinite(v)) {
      at = std::to_chars(at, at + 32, v).ptr;
    } else if (json_) {
      at = put(at, std::string_view("null"));
    }
  };
  auto put_word = [&](std::string_view v) {
    if (json_) *at++ = '"';
    at = put(at, v);
    if (json_) *at++ = '"';
  };
  if (json_) at = put(at, std::string_view("{\"index\":"));
  at = std::to_chars(at, at + 20, index_).ptr;
  at = put(put(put(at, prefix_), batch), context);
  std::size_t column = 0;
  auto open = [&] { at = put(at, openings_[column++]); };
  const bool fits = f.fits[i];
  open(), at = put(at, std::string_view(fits ? "true" : "false"));
  open(), put_word(fits ? "" : f.possible[i] ? "capacity" : "partition");
  open(), put_number(f.utps[i], fits);
  open(), put_number(f.stps[i], fits);
  open(), put_number(f.utps_ideal[i], fits);
  open(), put_number(f.stps_ideal[i], fits);
  open(), put_word(name(f.binding[i]));
  open(), put_word(name(f.next[i]));
  open(), put_number(f.factor[i], true);
  open(), put_number(f.memory[i], true);
  open(), put_number(f.compute[i], true);
  open(), put_number(f.sync[i], true);
  open(), put_number(f.held[i], true);
  if (json_) *at++ = '}';
  *at++ = '\n';
  out.resize(static_cast<std::size_t>(at - out.data()));
  skip();
}

}  // namespace limen::cli
