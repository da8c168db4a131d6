#include "cli/verify_against.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "calibration/import/import.hpp"
#include "cli/text_table.hpp"
#include "model/cards/model_card.hpp"
#include "model/prediction.hpp"
#include "results/statistics.hpp"

namespace limen::cli {
namespace {

struct Row {
  std::string engine_model, model, weights;
  double context = 0, predicted = 0, low = 0, high = 0, measured = 0;  // seconds a token
  std::optional<double> fitted;  // by the factor of the other rows of its format
};

// The zoo's model with as many parameters (within 0.5 %); the nearest.
std::optional<model::Transformer> of_size(double parameters) {
  std::optional<model::Transformer> best;
  double nearest = 0.005;
  for (const auto& name : cards::model_names()) {
    auto t = cards::find_model(name);
    const double off = std::abs(t.parameters() / parameters - 1);
    if (off >= nearest) continue;
    nearest = off;
    best = std::move(t);
  }
  return best;
}

// By the bits that a weight takes in the file, which says more than a name.
std::optional<model::Format> format_of_bits(double bits) {
  if (bits >= 15 && bits <= 17) return model::Format::bf16;
  if (bits >= 8 && bits <= 9.5) return model::Format::int8;
  if (bits >= 4 && bits <= 5.2) return model::Format::int4_g32;
  return {};
}

std::vector<Row> rows_of(const model::Machine& machine, const results::Run& run,
                         std::vector<std::string>& notes) {
  std::vector<Row> rows;
  for (const auto& m : run.measurements) {
    const auto* samples = std::get_if<results::Samples>(&m.outcome);
    if (m.probe != "engine.decode" || samples == nullptr) continue;
    const auto number = [&](const char* key) {
      const auto at = m.parameters.find(key);
      const auto* n = at == m.parameters.end() ? nullptr : std::get_if<std::int64_t>(&at->second);
      return n == nullptr ? 0.0 : static_cast<double>(*n);
    };
    const auto* name = std::get_if<std::string>(&m.parameters.at("model"));
    Row row;
    row.engine_model = name == nullptr ? "" : *name;
    const double bits = 8 * number("model_bytes") / number("model_parameters");
    const auto t = of_size(number("model_parameters"));
    const auto format = format_of_bits(bits);
    if (!t || !format) {
      notes.push_back(
          fmt::format("{}: {}", row.engine_model,
                      !t ? "no built-in model has as many parameters"
                         : fmt::format("{:.2f} bits a weight are of no format known", bits)));
      continue;
    }
    // Tokens are generated one after another: the context in the middle stands for all.
    row.context = number("context") + (number("tokens") + 1) / 2;
    row.model = t->name;
    row.weights = model::name(*format);
    const model::Workload workload{1, row.context, *format};
    const auto p = model::predict(machine, {&*t, workload, {}});
    row.predicted = p.step.total.in(model::seconds);
    row.low = 1 / p.utps_high;
    row.high = 1 / p.utps_low;
    row.measured = results::summarize(*samples).median;
    rows.push_back(row);
  }
  for (Row& row : rows) {
    std::vector<double> factors;
    for (const Row& other : rows)
      if (&other != &row && other.weights == row.weights)
        factors.push_back(other.measured / other.predicted);
    if (!factors.empty()) row.fitted = row.predicted * results::median_of(factors);
  }
  return rows;
}

}  // namespace

bool verify_against(const model::Machine& machine, const std::vector<std::string>& files,
                    bool json) {
  const auto run = calibration::importing::import_files({files, "llama-bench", machine.name, {}});
  std::vector<std::string> notes;
  const auto rows = rows_of(machine, run, notes);
  for (const auto& note : notes) fmt::print(stderr, "limen: left out: {}\n", note);
  std::vector<double> plain, fitted;
  TextTable table({"engine's model", "model", "weights", ">context", ">predicted limit",
                   ">90 % interval", ">engine", ">its share", ">engine fitted", ">error"});
  auto all = nlohmann::ordered_json::array();
  for (const Row& r : rows) {
    plain.push_back(std::abs(r.predicted / r.measured - 1));
    if (r.fitted) fitted.push_back(std::abs(*r.fitted / r.measured - 1));
    const auto rate = [](double seconds) { return fmt::format("{:.4g} tokens/s", 1 / seconds); };
    table.add({r.engine_model, r.model, r.weights, fmt::format("{:.0f}", r.context),
               rate(r.predicted), fmt::format("{:.3g} to {:.3g}", 1 / r.high, 1 / r.low),
               rate(r.measured), fmt::format("{:.2f}", r.predicted / r.measured),
               r.fitted ? rate(*r.fitted) : "-",
               r.fitted ? fmt::format("{:+.1f} %", 100 * (*r.fitted / r.measured - 1)) : "-"});
    all.push_back({{"engine_model", r.engine_model},
                   {"model", r.model},
                   {"weights", r.weights},
                   {"context", r.context},
                   {"predicted_tokens_per_second", 1 / r.predicted},
                   {"low", 1 / r.high},
                   {"high", 1 / r.low},
                   {"engine_tokens_per_second", 1 / r.measured},
                   {"share_of_limit", r.predicted / r.measured}});
    if (r.fitted) all.back()["engine_fitted_tokens_per_second"] = 1 / *r.fitted;
  }
  if (rows.empty()) return false;
  if (json) {
    fmt::print("{}\n", all.dump(1));
    return true;
  }
  fmt::print("{}\nthe engine not fitted: median error {}\n", table.text(),
             percent(results::median_of(plain)));
  if (!fitted.empty())
    fmt::print("a factor a format fitted, each case by the others: median error {}\n",
               percent(results::median_of(fitted)));
  return true;
}

}  // namespace limen::cli
