#include "cli/report_compared.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "calibration/published/validate.hpp"
#include "model/cards/units.hpp"
#include "model/error.hpp"

namespace limen::cli {
namespace {

using nlohmann::json;

// Calls f(document). Throws Error if the file cannot be read or is not what `writer` writes.
template <class F>
void with_json(const std::string& file, const char* writer, F&& f) {
  std::ifstream in(file);
  if (!in)
    throw Error(fmt::format("{}: cannot be read; give a file that `{}` wrote", file, writer));
  try {
    f(json::parse(in));
  } catch (const json::exception&) {
    throw Error(fmt::format("{}: not what `{}` writes; give a file of that", file, writer));
  }
}

// Of the hosts, or of the figures, those with the largest scores; the rest would not fit a screen.
void keep_what_stands_out(std::vector<report::FleetCell>& cells,
                          std::string report::FleetCell::*which, std::size_t most) {
  std::map<std::string, double> largest;
  for (const auto& c : cells) {
    double& score = largest[c.*which];
    if (std::fabs(c.score) > score) score = std::fabs(c.score);
  }
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [name, score] : largest) order.emplace_back(-score, name);
  std::sort(order.begin(), order.end());
  std::set<std::string> kept;
  for (std::size_t i = 0; i < std::min(most, order.size()); ++i) kept.insert(order[i].second);
  std::erase_if(cells, [&](const auto& c) { return !kept.count(c.*which); });
}

// A parameter of a probe, in few letters.
std::string words_of(const std::string& key, const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (key != "bytes" || !value.is_number()) return fmt::format("{} {}", key, value.dump());
  return cards::to_text(model::bytes(value.get<double>()), 3);
}

}  // namespace

ComparedTable compared_with_cases(const std::string& file) {
  const auto table = calibration::load_table(file);
  const auto kind = calibration::kind_of(table);
  const calibration::Evaluator evaluate(cards::built_in_laws(), true);
  ComparedTable out{fmt::format("Published measurements ({})", calibration::name(kind)), {}};
  const bool decode = kind == calibration::RowKind::decode;
  for (const auto& row : calibration::rows_of(table)) {
    const auto e = evaluate(row);
    if (!e.predicted) continue;
    const std::string label =
        decode
            ? fmt::format("{} on {}, {}, tp {}, batch {:.0f} ({})", row.model_name, row.device_name,
                          model::name(row.format), row.partition.tp, row.batch, row.framework)
            : fmt::format("{}, {}, line {}", row.device_name, row.variant, row.line);
    out.second.push_back(
        {row.device_name, label, decode ? "tokens/s" : "s", row.measured, e.value, e.low, e.high});
  }
  if (out.second.empty())
    throw Error(file + ": no row could be predicted; `limen validate --cases` says why");
  return out;
}

ComparedTable compared_with_steps(const std::string& file) {
  ComparedTable out{"Decode steps that were run here", {}};
  with_json(file, "limen verify --json", [&](const json& root) {
    for (const auto& c : root.at("cases")) {
      if (!c.contains("measured_seconds") || !c.at("measured_seconds").is_object()) continue;
      const auto &p = c.at("predicted_seconds"), &m = c.at("measured_seconds");
      const auto weights = c.at("weights").get<std::string>();
      const double scale = c.value("memory_scaled_by", 1.0);
      out.second.push_back(
          {weights,
           fmt::format("{}, {}, tp {}, batch {}, context {}{}", c.at("model").get<std::string>(),
                       weights, c.at("tp").get<int>(), c.at("batch").get<long long>(),
                       c.at("context").get<long long>(),
                       scale == 1 ? "" : fmt::format(", memory {:.2f}x", scale)),
           "s", m.at("median").get<double>(), p.at("value").get<double>(),
           p.at("low").get<double>(), p.at("high").get<double>()});
    }
  });
  if (out.second.empty()) throw Error(file + ": no decode step in it was timed");
  return out;
}

std::vector<report::FleetCell> fleet_cells(const std::string& file) {
  constexpr std::size_t most_hosts = 40, most_figures = 16;
  constexpr double deviations = 1.4826;  // of a normal distribution in a median absolute deviation
  std::vector<report::FleetCell> all;
  with_json(file, "limen fleet --json", [&](const json& root) {
    for (const auto& group : root.at("groups")) {
      const auto& nodes = group.at("nodes");
      for (const auto& figure : group.at("figures")) {
        std::string name = figure.at("probe").get<std::string>();
        for (const auto& [key, value] : figure.at("parameters").items())
          name += fmt::format(" {}", words_of(key, value));
        const double median = figure.at("median").get<double>();
        const double sign = figure.at("unit").get<std::string>() == "s" ? -1 : 1;  // + is better
        const double spread = sign * deviations * figure.at("mad").get<double>();
        const auto& values = figure.at("values");
        for (std::size_t n = 0; n < values.size(); ++n) {
          if (values[n].is_null()) continue;
          const double value = values[n].get<double>();
          all.push_back({nodes.at(n).at("host").get<std::string>(), name,
                         fmt::format("{:.2f}", value / median),
                         spread != 0 ? (value - median) / spread : NAN});
        }
      }
    }
  });
  if (all.empty()) throw Error(file + ": no node in it has a figure");
  keep_what_stands_out(all, &report::FleetCell::figure, most_figures);
  keep_what_stands_out(all, &report::FleetCell::host, most_hosts);
  return all;
}

}  // namespace limen::cli
