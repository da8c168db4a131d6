#include "report/html.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "report/roofline.hpp"

namespace limen::report {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string hostile = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>";

struct Fixture {
  model::Machine machine = cards::find_machine("h100-8");
  model::Transformer transformer = cards::find_model("llama-3.1-8b");
  results::Run run;
  Page page{.runs = {&run}, .machine = &machine};

  Fixture() {
    add(page.here, 1, 1);
    add(page.hypothetical, 1024, 1);
    results::Samples samples;
    samples.visits.push_back({0, 1, {1e-3, 1.1e-3, 0.9e-3, 1e-3, 1e-3}, {}});
    samples.stop = "settled";
    const results::Parameters p = {{"format", "bf16"}, {"rows", 4096}, {"cols", 4096},
                                   {"tokens", 1},      {"threads", 2}, {"residence", "cold"}};
    const model::Work work{model::bytes(33.5e6), model::bytes(8192.0), model::flops(33.5e6)};
    run.measurements = {
        {"gemv", p, work, samples},
        {"gemv", {{"format", hostile}, {"threads", 2}, {"residence", "cold"}}, work, samples},
        {"memory.latency", {{"bytes", 1}}, {}, results::Skipped{hostile}},
        {"memory.latency", {{"bytes", 2}}, {}, results::Invalid{"wrong result"}}};
  }
  void add(std::vector<PredictedCase>& to, double batch, int tp) {
    const model::Workload w{batch, 4096, model::Format::bf16, model::Format::bf16};
    to.push_back({transformer.name,
                  machine.name,
                  w,
                  {tp, 1},
                  model::predict(machine, {&transformer, w, {tp, 1}})});
  }
};

TEST(Report, TextFromResultsCannotEndItsBlock) {
  Fixture f;
  f.machine.name = hostile;
  f.machine.unidentified = {hostile};
  f.run.provenance.host = hostile;
  f.run.provenance.cpu_model = std::string("\xff\xfe not UTF-8 ") + hostile;
  f.page.here[0].model = hostile;
  f.page.compared = {{hostile, {{hostile, hostile, "s", 1, 2, 1, 3}}}};
  f.page.fleet = {{hostile, hostile, hostile, 3.5}};
  const std::string data = page_data(f.page);
  for (const char* markup : {"<", ">", "&"}) EXPECT_THAT(data, Not(HasSubstr(markup)));
  const auto read = nlohmann::json::parse(data);
  EXPECT_EQ(read["origin"][0]["host"], hostile);
  EXPECT_EQ(read["machines"][0]["name"], hostile);
  EXPECT_EQ(read["compared"][0]["title"], hostile);
  EXPECT_THAT(html_page(f.page), HasSubstr(data));
}

TEST(Report, NamesWhatDoesNotFitAndWhatWasSkipped) {
  const Fixture f;
  const std::string html = html_page(f.page);
  EXPECT_THAT(html, HasSubstr("does not fit"));
  EXPECT_THAT(html, HasSubstr("skipped: "));
  EXPECT_THAT(html, HasSubstr("invalid: wrong result"));
  EXPECT_THAT(html, HasSubstr("default-src 'none'; script-src 'wasm-unsafe-eval' 'sha256-"));
  EXPECT_THAT(html, Not(HasSubstr("{{")));
}

TEST(Report, APageNeedsNoRun) {
  const auto data = nlohmann::json::parse(page_data({}));
  EXPECT_EQ(data["machines"].size(), cards::machine_names().size());
  EXPECT_EQ(data["models"].size(), cards::model_names().size());
  EXPECT_TRUE(data["runs"].empty());
  EXPECT_TRUE(data["tables"].empty());
}

TEST(Report, TheRooflineShowsEachColdLayerOnce) {
  const Fixture f;
  const auto points = roofline_points(f.run.measurements);
  ASSERT_EQ(points.size(), 2u);
  EXPECT_NEAR(points[0].intensity, 1, 0.01);
  EXPECT_DOUBLE_EQ(points[0].rate, 33.5e6 / 1e-3);
  EXPECT_LE(points[0].low, points[0].rate);
  EXPECT_THAT(to_svg(roofline(f.machine, points, {})), HasSubstr("memory 3.35 TB/s"));
}

TEST(Report, TheVerdictNamesTheLimit) {
  const Fixture f;
  EXPECT_THAT(verdict(f.page), HasSubstr("memory bandwidth binds"));
}

}  // namespace
}  // namespace limen::report
