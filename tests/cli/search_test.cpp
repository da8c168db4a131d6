// The searches of limen predict.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command.hpp"

namespace limen::tests {
namespace {

using nlohmann::json;
using testing::HasSubstr;

Finished predict(std::vector<std::string> more) {
  more.insert(more.begin(), {"predict", "--machine", "h100-8", "--json"});
  return run_limen(more);
}

TEST(PredictCommand, AutoFindsTheBestPartition) {
  const auto listed = predict({"--model", "llama-3.1-70b", "--tp", "1,2,4,8", "--pp", "1,2,4,8"}),
             found = predict({"--model", "llama-3.1-70b", "--tp", "auto", "--pp", "auto"});
  ASSERT_EQ(listed.code + found.code, 0) << found.err;
  double best = 0;
  for (const auto& c : json::parse(listed.out))
    if (c["fits"]) best = std::max(best, c["utps"].get<double>());
  const auto winner = json::parse(found.out);
  ASSERT_EQ(winner.size(), 1u);
  EXPECT_EQ(winner[0]["utps"], best);
}

TEST(PredictCommand, AutoFindsTheLargestBatchForARateOfEachUser) {
  const auto r = predict({"--model", "llama-3.1-8b", "--tp", "auto", "--batch", "auto", "--for",
                          "stps", "--at-least", "100", "--all"});
  ASSERT_EQ(r.code, 0) << r.err;
  const auto all = json::parse(r.out);
  ASSERT_EQ(all.size(), 4u);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_GE(all[i]["utps"], 100);
    EXPECT_NEAR(all[i]["stps_machine"].get<double>(),
                all[i]["stps"].get<double>() * all[i]["instances"].get<int>(), 1e-6);
    if (i > 0) {
      EXPECT_LE(all[i]["stps_machine"], all[i - 1]["stps_machine"]);
    }
  }
}

TEST(PredictCommand, ASearchThatFindsNothingSaysWhatComesClosest) {
  const auto large = predict({"--model", "llama-3.1-405b", "--tp", "auto"}),
             slow = predict({"--model", "llama-3.1-8b", "--batch", "auto", "--for", "stps",
                             "--at-least", "1000000"});
  for (const auto& r : {large, slow}) {
    EXPECT_EQ(r.code, 1);
    EXPECT_EQ(r.out, "");
    EXPECT_EQ(r.lines_of_error(), 1) << r.err;
  }
  EXPECT_THAT(large.err, HasSubstr("closest is tp 8, pp 1, ep 1, dp 1, batch 1: needs "));
  EXPECT_THAT(slow.err, HasSubstr("not 1e+06"));
  // Of several, those that are feasible are printed.
  const auto some = predict({"--model", "llama-3.1-405b,llama-3.1-8b", "--tp", "auto"});
  EXPECT_EQ(some.code, 0);
  EXPECT_EQ(json::parse(some.out).size(), 1u);
  EXPECT_EQ(some.lines_of_error(), 1);
}

TEST(PredictCommand, OptionsOfASearchAreChecked) {
  for (const auto& arguments : {std::vector<std::string>{"--for", "tps"},
                                {"--for", "stps", "--at-least", "50"},
                                {"--all"},
                                {"--batch", "auto", "--for", "utps", "--at-least", "50"},
                                {"--batch", "auto", "--for", "stps", "--at-least", "nan"},
                                {"--batch", "auto", "--for", "stps", "--at-least", "-1"},
                                {"--context", "auto"}}) {
    auto all = arguments;
    all.insert(all.end(), {"--model", "llama-3.1-8b"});
    const auto r = predict(all);
    EXPECT_EQ(r.code, 2) << r.out;
    EXPECT_EQ(r.lines_of_error(), 1) << r.err;
  }
}

}  // namespace
}  // namespace limen::tests
