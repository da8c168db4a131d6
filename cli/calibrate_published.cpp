#include "cli/calibrate_published.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "calibration/published/fit.hpp"
#include "cli/write_file.hpp"

namespace limen::cli {

Exit calibrate_published(const std::string& folder, const std::string& file, bool json) {
  using namespace calibration;
  const PublishedFit fit =
      fit_published(load_published(folder), [](const PublishedRow&) { return true; });
  const std::string text =
      cards::write_laws(fit.laws,
                        "Laws fitted to published measurements by: limen calibrate --published "
                        "results/data/published\n"
                        "-o model/cards/laws.toml. Intervals are of 90 %. Do not edit.");
  for (const std::string& r : fit.refused) fmt::print(stderr, "limen: refused by physics: {}\n", r);
  for (const std::string& u : fit.unidentified) fmt::print(stderr, "not identified: {}\n", u);
  if (!file.empty()) write_file(file, text);
  if (json) {
    auto laws = nlohmann::ordered_json::array();
    for (const cards::Law& l : fit.laws.all) {
      nlohmann::ordered_json j = {
          {"kind", l.kind},     {"variant", l.variant}, {"device", l.device}, {"group", l.group},
          {"points", l.points}, {"scatter", l.scatter}, {"source", l.source}};
      for (const auto& [name, v] : l.parameters)
        j["parameters"][name] = {{"value", v.value},
                                 {"low", v.low},
                                 {"high", v.high},
                                 {"unit", cards::is_time(name) ? "s" : "1"},
                                 {"evidence", l.pooled() ? "pooled" : "fitted"}};
      laws.push_back(std::move(j));
    }
    fmt::print("{}\n",
               nlohmann::ordered_json{
                   {"laws", laws}, {"refused", fit.refused}, {"unidentified", fit.unidentified}}
                   .dump(1));
  } else if (file.empty()) {
    fmt::print("{}", text);
  }
  return Exit::ok;
}

}  // namespace limen::cli
