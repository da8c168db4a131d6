#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command.hpp"

namespace limen::tests {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

Finished predict(std::vector<std::string> more) {
  more.insert(more.begin(), "predict");
  return run_limen(more);
}

TEST(PredictCommand, JsonHasAnObjectForEachCase) {
  const auto r = predict({"--model", "llama-3.1-8b", "--machine", "h100-8", "--context", "4k",
                          "--batch", "1,8,64", "--tp", "1,8", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const auto cases = nlohmann::json::parse(r.out);
  ASSERT_EQ(cases.size(), 6u);
  for (const auto& c : cases) {
    for (const char* key : {"model", "machine", "tp", "pp", "batch", "context", "fits", "utps",
                            "utps_low", "utps_high", "utps_ideal", "stps", "binding_limit",
                            "next_limit", "next_factor", "seconds_per_limit"}) {
      EXPECT_TRUE(c.contains(key)) << key;
    }
    EXPECT_EQ(c["context"], 4096);
    EXPECT_LE(c["utps_low"], c["utps"]);
    EXPECT_LE(c["utps"], c["utps_high"]);
    EXPECT_LE(c["utps"], c["utps_ideal"]);
  }
}

TEST(PredictCommand, ACaseThatDoesNotFitHasNoFigure) {
  const auto r = predict({"--model", "llama-3.1-405b", "--machine", "h100-8", "--json"});
  ASSERT_EQ(r.code, 0);
  const auto c = nlohmann::json::parse(r.out)[0];
  EXPECT_EQ(c["fits"], false);
  EXPECT_TRUE(c["utps"].is_null());
  EXPECT_EQ(c["binding_limit"], "memory_capacity");
  EXPECT_THAT(c["reason"], HasSubstr("GB"));
}

TEST(PredictCommand, SetKeepsTheMeasuredEfficiency) {
  const auto base = predict({"--model", "llama-3.1-8b", "--machine", "h100-8", "--json"});
  const auto faster = predict({"--model", "llama-3.1-8b", "--machine", "h100-8", "--json", "--set",
                               "memory.bandwidth=33.5TB/s", "--set", "linear.bf16.fixed=0us"});
  ASSERT_EQ(base.code + faster.code, 0);
  const auto a = nlohmann::json::parse(base.out)[0], b = nlohmann::json::parse(faster.out)[0];
  EXPECT_NEAR(double(a["seconds_per_limit"]["memory_bandwidth"]) /
                  double(b["seconds_per_limit"]["memory_bandwidth"]),
              10, 1e-6);
  EXPECT_LT(double(b["utps"]), double(b["utps_ideal"]));
}

struct Bad {
  std::vector<std::string> arguments;
  std::string says;
};

std::vector<std::string> with(std::vector<std::string> more) {
  more.insert(more.begin(), {"--model", "llama-3.1-8b", "--machine", "h100-8"});
  return more;
}

TEST(PredictCommand, BadInputIsOneLineAndExitCodeTwo) {
  const std::vector<Bad> cases = {
      Bad{{"--model", "lama-3.1-8b", "--machine", "h100-8"}, "did you mean 'llama-3.1-8b'?"},
      Bad{{"--model", "llama-3.1-8b", "--machine", "h100"}, "did you mean 'h100-8'?"},
      Bad{{"--model", "llama-3.1-8b"}, "--machine is required"},
      Bad{{"--model", "llama-3.1-8b", "--machine", "/no/such.toml"}, "cannot read"},
      Bad{{"--model", "/no/such.json", "--machine", "h100-8"}, "cannot read"},
      Bad{with({"--batch", "0"}), "--batch: '0' must be at least 1"},
      Bad{with({"--batch=-4"}), "--batch: '-4' must be at least 1"},
      Bad{with({"--batch", "nan"}), "not a whole number"},
      Bad{with({"--batch", "1e3"}), "not a whole number"},
      Bad{with({"--batch", "99999999999999999999999"}), "too large"},
      Bad{with({"--context", "inf"}), "not a whole number"},
      Bad{with({"--tp", "0"}), "--tp"},
      Bad{with({"--pp", "33"}), "has only 32 layers"},
      Bad{with({"--weights", "fp7"}), "did you mean 'fp8'?"},
      Bad{with({"--set", "memory.bandwidth=18"}), "has no unit"},
      Bad{with({"--set", "memory.bandwidth=18TBs"}), "unknown unit"},
      Bad{with({"--set", "memory.bandwidth=0TB/s"}), "more than zero"},
      Bad{with({"--set", "memory.bandwidth=nanTB/s"}), "memory.bandwidth"},
      Bad{with({"--set", "memory.bandwidth=1e400TB/s"}), "too large"},
      Bad{with({"--set", "memory.bandwith=1TB/s"}), "did you mean 'memory.bandwidth'?"},
      Bad{with({"--nonsense"}), "--nonsense"}};
  for (const auto& bad : cases) {
    const auto r = predict(bad.arguments);
    EXPECT_EQ(r.code, 2) << bad.says;
    EXPECT_EQ(r.out, "");
    EXPECT_EQ(r.lines_of_error(), 1) << r.err;
    EXPECT_THAT(r.err, HasSubstr(bad.says));
  }
}

TEST(PredictCommand, AMachineFileWithAMistakeIsNamedWithLineAndColumn) {
  const fs::path file = fs::path(testing::TempDir()) / "limen_bad_machine.toml";
  std::ofstream(file) << "schema = 1\nname = \"x\"\n[memory]\nbandwidth = 5\n";
  const auto r = predict({"--model", "llama-3.1-8b", "--machine", file.string()});
  EXPECT_EQ(r.code, 2);
  EXPECT_THAT(r.err, HasSubstr("limen_bad_machine.toml:4:13: memory.bandwidth"));
  fs::remove(file);
}

TEST(Limen, WithoutACommandOrWithAnUnknownOneSaysWhatThereIs) {
  for (const auto& arguments : {std::vector<std::string>{}, {"predct"}}) {
    const auto r = run_limen(arguments);
    EXPECT_EQ(r.code, 2);
    EXPECT_EQ(r.lines_of_error(), 1);
    EXPECT_THAT(r.err, HasSubstr("limen --help"));
  }
  EXPECT_EQ(run_limen({"--help"}).code, 0);
  EXPECT_EQ(run_limen({"--version"}).code, 0);
}

}  // namespace
}  // namespace limen::tests
