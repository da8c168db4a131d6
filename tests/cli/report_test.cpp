// limen report: what it takes, what it refuses; the page itself is tested in tests/report.
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command.hpp"

namespace limen::tests {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

const std::string run_folder = std::string(LIMEN_SOURCE_DIR) + "/results/data/epyc-2core-quick";
const std::string cases = std::string(LIMEN_SOURCE_DIR) + "/results/data/published/decode.csv";

nlohmann::json data_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "report");
  arguments.push_back("--json");
  const auto r = run_limen(arguments);
  EXPECT_EQ(r.code, 0) << r.err;
  return nlohmann::json::parse(r.out);
}

class File {
 public:
  File(const std::string& name, const std::string& text)
      : path_(fs::path(testing::TempDir()) / name) {
    std::ofstream(path_) << text;
  }
  ~File() { fs::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

TEST(ReportCommand, ARunComesWithItsCalibrationUnlessToldOtherwise) {
  const auto with = data_of({run_folder}), without = data_of({run_folder, "--no-calibration"});
  EXPECT_EQ(with["machines"][0]["group"], "measured here");
  EXPECT_EQ(with["first"]["machine"], with["machines"][0]["name"]);
  EXPECT_NE(without["machines"][0]["group"], "measured here");
  for (const auto& data : {with, without}) {
    EXPECT_GT(data["runs"][0]["all_reduce"].size(), 10u);
    EXPECT_GT(data["runs"][0]["memory"].size(), 10u);
    EXPECT_GT(data["runs"][0]["roofline"].size(), 10u);
  }
}

TEST(ReportCommand, PutsMeasurementsBesidePredictions) {
  const File steps("limen_steps.json",
                   R"({"cases": [{"model": "m", "weights": "int4", "tp": 1, "batch": 2,
                       "context": 1024, "predicted_seconds": {"value": 2, "low": 1, "high": 3},
                       "measured_seconds": {"median": 2.5}}, {"model": "m"}]})");
  const auto data = data_of({"--cases", cases, "--verified", steps.path()});
  EXPECT_GT(data["compared"][0]["rows"].size(), 1000u);
  EXPECT_EQ(data["compared"][0]["unit"], "tokens/s");
  EXPECT_EQ(data["compared"][1]["rows"].dump(),
            R"([["int4","m, int4, tp 1, batch 2, context 1024",2.5,1.0,2.0,3.0]])");
}

TEST(ReportCommand, OffersNamedMachinesFirst) {
  const auto data = data_of({"--machine", "xpu-sram,h200-sxm"});
  EXPECT_EQ(data["machines"][0]["name"], "xpu-sram");
  EXPECT_EQ(data["first"]["machine"], "xpu-sram");
}

TEST(ReportCommand, ShowsTheNodesOfAFleetThatStandOut) {
  std::vector<nlohmann::json> nodes, values;
  for (int n = 0; n < 60; ++n) {
    nodes.push_back({{"host", fmt::format("node{}", n)}});
    values.push_back(n == 7 ? 50 : n % 2 ? 99 : 101);
  }
  values[8] = nullptr;
  const nlohmann::json figure{
      {"probe", "memory.stream"},
      {"parameters", {{"bytes", 3221225472}, {"kernel", "read"}, {"threads", 2}}},
      {"unit", "B/s"},
      {"median", 100},
      {"mad", 1},
      {"values", values}};
  const nlohmann::json group{{"nodes", nodes}, {"figures", std::vector{figure}}};
  const File fleet("limen_fleet.json", nlohmann::json{{"groups", std::vector{group}}}.dump());
  const auto cells = data_of({"--fleet", fleet.path()})["fleet"];
  EXPECT_EQ(cells.size(), 40u);
  bool found = false;
  for (const auto& c : cells) {
    EXPECT_NE(c["host"], "node8");
    if (c["host"] != "node7") continue;
    found = true;
    EXPECT_EQ(c["figure"], "memory.stream 3.22 GB read threads 2");
    EXPECT_NEAR(c["score"].get<double>(), -50 / 1.4826, 1e-9);
  }
  EXPECT_TRUE(found);
}

TEST(ReportCommand, RefusesWhatItCannotShow) {
  const File none("limen_none.json", R"({"cases": []})"), torn("limen_torn.json", "{\"cases\": [");
  const std::vector<std::pair<std::vector<std::string>, std::string>> bad = {
      {{}, "-o page.html"},
      {{"--json", "-o", "page.html"}, "-o page.html"},
      {{"no/such/run", "--json"}, "no/such/run"},
      {{"--machine", "h1000", "--json"}, "h1000"},
      {{"--cases", "no/such.csv", "--json"}, "no/such.csv"},
      {{"--cases", none.path(), "--json"}, "limen_none.json"},
      {{"--verified", "no/such.json", "--json"}, "no/such.json"},
      {{"--verified", none.path(), "--json"}, "no decode step"},
      {{"--verified", torn.path(), "--json"}, "limen verify --json"},
      {{"--fleet", torn.path(), "--json"}, "not what `limen fleet --json` writes; give"},
      {{"--name", "x", "--json"}, "--name requires runs"},
      {{"--no-calibration", "--json"}, "--no-calibration requires runs"},
      {{"-o", "/no/such/folder/page.html"}, "cannot be written"}};
  for (auto [arguments, why] : bad) {
    arguments.insert(arguments.begin(), "report");
    const auto r = run_limen(arguments);
    EXPECT_EQ(r.code, 2) << why;
    EXPECT_EQ(r.lines_of_error(), 1) << r.err;
    EXPECT_THAT(r.err, HasSubstr(why));
    EXPECT_EQ(r.out, "");
  }
}

}  // namespace
}  // namespace limen::tests
