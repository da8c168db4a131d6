// The commands that need no measurement: reproduce, limits, cards.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command.hpp"

namespace limen::tests {
namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST(ReproduceCommand, MatchesThePublishedFiguresToTheDigit) {
  const auto r = run_limen({"reproduce", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  int figures = 0;
  for (const auto& row : json::parse(r.out)) {
    if (row["status"].get<std::string>().rfind("claim", 0) == 0) continue;
    EXPECT_TRUE(row["matches"]) << row;
    ++figures;
  }
  EXPECT_GE(figures, 6);
}

TEST(PredictCommand, PaperConventionsApplyToAnyCase) {
  const auto r =
      run_limen({"predict", "--model", "llama-3.1-405b", "--machine", "xpu-hbm3", "--weights",
                 "fp8", "--kv", "fp8", "--tp", "8,32,128", "--conventions", "paper", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  std::vector<double> rates;
  for (const auto& c : json::parse(r.out)) rates.push_back(std::round(c["utps"].get<double>()));
  EXPECT_THAT(rates, testing::ElementsAre(86, 290, 776));
  EXPECT_EQ(run_limen({"predict", "--model", "llama-3.1-8b", "--machine", "h100-8", "--conventions",
                       "papr"})
                .code,
            2);
}

TEST(LimitsCommand, SaysWhatEachResourceBuys) {
  const auto r = run_limen({"limits", "--model", "llama-3.1-405b", "--machine", "xpu-hbm3", "--tp",
                            "128", "--weights", "fp8", "--kv", "fp8", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const auto c = json::parse(r.out)[0];
  EXPECT_NEAR(c["elasticity"]["memory.bandwidth"]["ideal"].get<double>() -
                  c["elasticity"]["sync latency"]["ideal"].get<double>(),
              1, 1e-6);
  EXPECT_GT(c["without"]["bandwidth"]["ideal"], c["utps_ideal"]);
  EXPECT_TRUE(c["factor_for"]["10000"]["bandwidth"]["ideal"].is_null());
  const auto text = run_limen({"limits", "--model", "llama-3.1-405b", "--machine", "xpu-hbm3",
                               "--tp", "128", "--weights", "fp8", "--kv", "fp8"});
  EXPECT_THAT(text.out, HasSubstr("no single resource gets there"));
}

TEST(CardsCommand, ListsEverythingThatIsBuiltInAndChecksFiles) {
  const auto machines = run_limen({"cards", "--json"}),
             models = run_limen({"cards", "--models", "--json"});
  ASSERT_EQ(machines.code + models.code, 0);
  EXPECT_GE(json::parse(machines.out).size(), 60u);
  EXPECT_GE(json::parse(models.out).size(), 36u);
  EXPECT_EQ(run_limen({"cards", "no-such-machine"}).code, 2);
}

TEST(CardsCommand, SaysOfAModelWhatItIs) {
  const auto r = run_limen({"cards", "--models", "gpt-oss-120b", "gemma-3-27b", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const auto models = json::parse(r.out);
  ASSERT_EQ(models.size(), 2u);
  const auto& m = models[0];
  EXPECT_EQ(m["model_type"], "gpt_oss");
  EXPECT_EQ(m["attention"], "GQA 8:1, 18 of 36 layers see the last 128");
  EXPECT_EQ(m["experts"], "4 of 128");
  EXPECT_EQ(m["native"]["experts"], "mxfp4");
  EXPECT_EQ(m["kv_bytes_per_token_bf16"], 36 * 1024 * 2);
  EXPECT_NEAR(m["parameters"].get<double>(), 116.83e9, 0.1e9);
  EXPECT_THAT(m["source"].get<std::string>(), HasSubstr("openai/gpt-oss-120b"));
  EXPECT_EQ(run_limen({"cards", "--models", "no-such-model"}).code, 2);
}

}  // namespace
}  // namespace limen::tests
