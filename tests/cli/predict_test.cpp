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

TEST(PredictCommand, NativeFormatsAreThoseOfTheCheckpoint) {
  const auto r = predict({"--model", "gpt-oss-120b,deepseek-v3,llama-3.1-8b", "--machine", "h100-8",
                          "--tp", "8", "--weights", "native", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const auto cases = nlohmann::json::parse(r.out);
  EXPECT_EQ(cases[0]["weights"], "bf16");
  EXPECT_EQ(cases[0]["experts"], "mxfp4");
  EXPECT_EQ(cases[1]["weights"], "fp8-block");
  EXPECT_EQ(cases[1]["experts"], "fp8-block");
  EXPECT_EQ(cases[1]["head"], "bf16");
  EXPECT_EQ(cases[2]["weights"], "bf16");
  // An explicit format is for everything that is not named itself.
  const auto explicitly = predict({"--model", "deepseek-v3", "--machine", "h100-8", "--weights",
                                   "nvfp4", "--head", "bf16", "--json"});
  const auto c = nlohmann::json::parse(explicitly.out)[0];
  EXPECT_EQ(c["experts"], "nvfp4");
  EXPECT_EQ(c["head"], "bf16");
}

TEST(PredictCommand, ANativeFormatThatIsNotUnderstoodIsAnErrorOnlyWhereItIsAskedFor) {
  const fs::path file = fs::path(testing::TempDir()) / "limen_odd_config.json";
  std::ofstream(file) << R"({"model_type": "llama", "hidden_size": 8, "intermediate_size": 16,
    "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 10,
    "quantization_config": {"quant_method": "odd"}})";
  const std::vector<std::string> base = {"--model", file.string(), "--machine", "h100-8"};
  EXPECT_EQ(predict(base).code, 0);
  auto native = base;
  native.insert(native.end(), {"--weights", "native"});
  const auto r = predict(native);
  EXPECT_EQ(r.code, 2);
  EXPECT_EQ(r.lines_of_error(), 1);
  EXPECT_THAT(r.err, HasSubstr("quant_method 'odd'"));
  fs::remove(file);
}

TEST(PredictCommand, DraftsMultiplyTokensAndCostTime) {
  const auto r =
      predict({"--model", "deepseek-v3", "--machine", "xpu-hbm4", "--tp", "8", "--weights",
               "native", "--kv", "fp8", "--draft", "0,1,3", "--acceptance", "0.8", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const auto cases = nlohmann::json::parse(r.out);
  ASSERT_EQ(cases.size(), 3u);
  EXPECT_EQ(cases[0]["tokens_per_step"], 1);
  EXPECT_EQ(cases[0]["draft_model"], "");
  EXPECT_EQ(cases[0]["draft_seconds"], 0);
  EXPECT_DOUBLE_EQ(cases[1]["tokens_per_step"], 1.8);
  EXPECT_NEAR(cases[2]["tokens_per_step"], 1 + 0.8 + 0.64 + 0.512, 1e-12);
  EXPECT_EQ(cases[2]["draft_model"], "deepseek-v3 MTP");
  EXPECT_GT(cases[2]["draft_seconds"], cases[1]["draft_seconds"]);
  for (const auto& c : cases) {
    EXPECT_NEAR(double(c["utps"]) * double(c["step_seconds"]), c["tokens_per_step"], 1e-9);
    EXPECT_GE(c["utps_ideal"], c["utps"]);
  }
  const auto free = predict({"--model", "deepseek-v3", "--machine", "xpu-hbm4", "--tp", "8",
                             "--weights", "native", "--kv", "fp8", "--draft", "3", "--draft-model",
                             "none", "--acceptance", "0.8", "--json"});
  const auto f = nlohmann::json::parse(free.out)[0];
  EXPECT_EQ(f["draft_model"], "look-up");
  EXPECT_GT(f["utps"], cases[2]["utps"]);
  EXPECT_LT(f["bytes_held"], cases[2]["bytes_held"]);
  const auto limits =
      run_limen({"limits", "--model", "llama-3.1-70b", "--machine", "h100-8", "--tp", "8",
                 "--draft", "2", "--draft-model", "llama-3.2-1b", "--acceptance", "0.7"});
  EXPECT_EQ(limits.code, 0);
  EXPECT_THAT(limits.out, HasSubstr("2 drafts: 2.19 tokens a step"));
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
      Bad{{"--model", "llama-3.1-8b", "--machine", "xpu-cow"}, "did you mean 'xpu-cows'?"},
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
      Bad{with({"--weights", "fp4"}), "did you mean"},
      Bad{{"--model", "mixtral-8x7b", "--machine", "h100-8", "--experts", "mxpf4"},
          "did you mean 'mxfp4'?"},
      Bad{with({"--kv", "mxfp4"}), "--kv: 'mxfp4' is a format of weights only"},
      Bad{with({"--kv", "native"}), "--kv: unknown format 'native'"},
      Bad{with({"--draft", "2"}), "--draft needs --acceptance"},
      Bad{with({"--acceptance", "0.5"}), "need --draft"},
      Bad{with({"--draft-model", "none"}), "need --draft"},
      Bad{with({"--draft", "2", "--acceptance", "0.5"}), "llama-3.1-8b has no MTP module"},
      Bad{with({"--draft=-1", "--acceptance", "0.5"}), "--draft: '-1' must be at least 1"},
      Bad{with({"--draft", "1.5", "--acceptance", "0.5"}), "--draft: "},
      Bad{with({"--draft", "65", "--acceptance", "0.5"}), "--draft: 65 is more than 64"},
      Bad{with({"--draft", "2", "--draft-model", "none", "--acceptance", "1.01"}), "from 0 to 1"},
      Bad{with({"--draft", "2", "--draft-model", "none", "--acceptance=-0.1"}), "from 0 to 1"},
      Bad{with({"--draft", "2", "--draft-model", "none", "--acceptance", "nan"}), "from 0 to 1"},
      Bad{with({"--draft", "2", "--draft-model", "none", "--acceptance", "0.5x"}), "from 0 to 1"},
      Bad{with({"--draft", "2", "--draft-model", "llama-9", "--acceptance", "1"}),
          "--draft-model: unknown model 'llama-9'"},
      Bad{with({"--draft", "2", "--draft-model", "qwen3-0.6b", "--acceptance", "1"}),
          "drafts need one tokenizer"},
      Bad{with({"--set", "memory.bandwidth=18"}), "has no unit"},
      Bad{with({"--set", "memory.bandwidth=18TBs"}), "unknown unit"},
      Bad{with({"--set", "memory.bandwidth=0TB/s"}), "more than zero"},
      Bad{with({"--set", "memory.bandwidth=nanTB/s"}), "memory.bandwidth"},
      Bad{with({"--set", "memory.bandwidth=1e400TB/s"}), "too large"},
      Bad{with({"--set", "memory.bandwith=1TB/s"}), "did you mean 'memory.bandwidth'?"},
      Bad{{"--model", "deepseek-v2", "--machine", "h100-8"}, "did you mean 'deepseek-v3'?"},
      Bad{{"--model", "llama-3.1-8b", "--machine", "h100-16"}, "did you mean 'h100-sxm5-80gb'?"},
      Bad{{"--model", "llama-3.1-8b", "--machine", "xpu-hbm4", "--engine", "vllm"},
          "--engine vllm: no engine is known for xpu-hbm4"},
      Bad{with({"--set", "sync.tp=1us", "--set", "sync.tp=2us"}), "--set sync.tp is given twice"},
      Bad{with({"--for", "stps"}), "give --batch auto"},
      Bad{with({"--experts", "fp8"}), "--experts: llama-3.1-8b has no routed experts"},
      Bad{with({"--batch", "1,auto"}), "--batch: auto finds the best of all; give it alone"},
      Bad{with({"--weights", ""}), "--weights: '' has an empty value"},
      Bad{with({"--engine="}), "--engine: '' has an empty value"},
      Bad{with({"--batch", "1,,2"}), "--batch: '1,,2' has an empty value"},
      Bad{with({"--nonsense"}), "--nonsense"}};
  for (const auto& bad : cases) {
    const auto r = predict(bad.arguments);
    EXPECT_EQ(r.code, 2) << bad.says;
    EXPECT_EQ(r.out, "");
    EXPECT_EQ(r.lines_of_error(), 1) << r.err;
    EXPECT_THAT(r.err, HasSubstr(bad.says));
  }
}

TEST(PredictCommand, ExpertsAreOfTheModelsThatHaveThem) {
  const auto r = predict({"--model", "llama-3.1-8b,mixtral-8x7b", "--machine", "h100-8", "--tp",
                          "8", "--experts", "fp8", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const auto cases = nlohmann::json::parse(r.out);
  EXPECT_EQ(cases[0]["experts"], "bf16");
  EXPECT_EQ(cases[1]["experts"], "fp8");
}

TEST(PredictCommand, ANetworkBetweenNodesNeedsNodes) {
  auto error = [](const char* machine, const char* set) {
    return predict({"--model", "llama-3.1-8b", "--machine", machine, "--tp", "16", "--network",
                    "infiniband-ndr", "--set", set})
        .err;
  };
  EXPECT_THAT(error("xpu-hbm3", "memory.bandwidth=4TB/s"),
              HasSubstr("--network infiniband-ndr links nodes, and xpu-hbm3 does not say"));
  EXPECT_EQ(error("xpu-hbm3", "devices_per_node=8"), "");
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
  EXPECT_THAT(run_limen({"plot", "pareo"}).err, HasSubstr("'pareo'; did you mean 'pareto'?"));
  EXPECT_THAT(run_limen({"predct"}).err, HasSubstr("'predct'; did you mean 'predict'?"));
  EXPECT_EQ(run_limen({"--help"}).code, 0);
  EXPECT_EQ(run_limen({"--version"}).code, 0);
}

TEST(Limen, ImportNamesAFileThatIsNotThereBeforeAMissingOption) {
  const auto r = run_limen({"import", "/nonexistent"});
  EXPECT_EQ(r.code, 2);
  EXPECT_THAT(r.err, HasSubstr("/nonexistent: no such file"));
  EXPECT_THAT(run_limen({"import", testing::TempDir()}).err, HasSubstr("a folder; name the files"));
}

}  // namespace
}  // namespace limen::tests
