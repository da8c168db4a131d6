#include "cli/report_compared.hpp"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "calibration/published/validate.hpp"
#include "model/error.hpp"

namespace limen::cli {

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
  std::ifstream in(file);
  if (!in) throw Error(file + ": cannot be read; give a file that `limen verify --json` wrote");
  ComparedTable out{"Decode steps that were run here", {}};
  try {
    const auto root = nlohmann::json::parse(in);
    for (const auto& c : root.at("cases")) {
      if (!c.contains("measured_seconds")) continue;
      const auto &p = c.at("predicted_seconds"), &m = c.at("measured_seconds");
      if (!m.is_object()) continue;
      const auto weights = c.at("weights").get<std::string>();
      out.second.push_back(
          {weights,
           fmt::format("{}, {}, tp {}, batch {}, context {}", c.at("model").get<std::string>(),
                       weights, c.at("tp").get<int>(), c.at("batch").get<long long>(),
                       c.at("context").get<long long>()),
           "s", m.at("median").get<double>(), p.at("value").get<double>(),
           p.at("low").get<double>(), p.at("high").get<double>()});
    }
  } catch (const nlohmann::json::exception& e) {
    throw Error(fmt::format("{}: not what `limen verify --json` writes: {}", file, e.what()));
  }
  if (out.second.empty()) throw Error(file + ": no decode step in it was timed");
  return out;
}

}  // namespace limen::cli
