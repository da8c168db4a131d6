// The commands that need no measurement: reproduce, limits, cards.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command.hpp"

namespace limen::tests {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

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

TEST(LimitsCommand, AnswersForEveryParameterEveryPairAndEveryWayToATarget) {
  const auto r = run_limen(
      {"limits", "--model", "llama-3.1-70b", "--machine", "h100-8", "--tp", "8", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const auto c = json::parse(r.out)[0];
  for (const char* key : {"memory.bandwidth", "compute.bf16", "linear.bf16.efficiency",
                          "linear.bf16.fixed", "sync.floor"})
    EXPECT_TRUE(c["parameters"].contains(key)) << key;
  EXPECT_NEAR(c["parameters"]["memory.bandwidth"]["elasticity"]["calibrated"].get<double>(),
              c["elasticity"]["memory.bandwidth"]["calibrated"].get<double>(), 1e-6);
  // Attention runs under a law of its own here, and memory.efficiency does nothing.
  EXPECT_TRUE(c["elasticity"].contains("attention efficiency"));
  EXPECT_FALSE(c["elasticity"].contains("memory.efficiency"));
  EXPECT_EQ(c["without"].size(), 10u);  // four alone, six pairs
  EXPECT_EQ(c["factor_for"]["10000"].size(), 7u);
  // Weights and cache at half the bytes are as much as twice the bandwidth.
  EXPECT_NEAR(c["elasticity"]["bytes of a weight"]["ideal"].get<double>() +
                  c["elasticity"]["bytes of the KV cache"]["ideal"].get<double>(),
              -c["elasticity"]["memory.bandwidth"]["ideal"].get<double>(), 1e-6);
  EXPECT_THAT(
      run_limen({"limits", "--model", "llama-3.1-8b", "--machine", "rtx-4080", "--weights", "int4"})
          .out,
      HasSubstr("compute is left out"));
  const auto& other = c["otherwise_for"]["1000"];
  EXPECT_GT(other["a model smaller by"]["ideal"].get<double>(), 1);
}

TEST(LimitsCommand, AnswersForAnyBandwidthThatANumberHolds) {
  auto at = [](const std::string& bandwidth) {
    return run_limen({"limits", "--model", "llama-3.1-8b", "--machine", "h100-8", "--set",
                      "memory.bandwidth=" + bandwidth});
  };
  const auto least = at("1e-290B/s");
  EXPECT_EQ(least.code, 0) << least.err;
  EXPECT_THAT(least.out, HasSubstr("memory.bandwidth                                    1.000"));
  EXPECT_THAT(least.out, Not(HasSubstr("nan")));
  EXPECT_THAT(least.out, Not(HasSubstr("inf")));
  const auto less = at("1e-300B/s");
  EXPECT_EQ(less.code, 2);
  EXPECT_THAT(less.err, HasSubstr("longer than a number can hold"));
  EXPECT_THAT(less.err, Not(HasSubstr("internal")));
}

TEST(LimitsCommand, NamesThePartition) {
  const std::vector<std::string> asked = {
      "limits", "--model", "deepseek-v3", "--machine", "h100-8",  "--tp", "4",
      "--dp",   "1,2",     "--ep",        "1,4",       "--batch", "8"};
  auto as_json = asked;
  as_json.push_back("--json");
  std::set<std::pair<int, int>> named;
  for (const auto& c : json::parse(run_limen(as_json).out))
    named.insert({c["ep"].get<int>(), c["dp"].get<int>()});
  EXPECT_EQ(named.size(), 4u);
  EXPECT_THAT(run_limen(asked).out, HasSubstr("tp 4, pp 1, ep 4, dp 2, batch 8"));
}

TEST(FindingsCommand, ComputesEachClaimOnIdealHardwareAndAsMeasured) {
  const auto r = run_limen({"findings", "--machine", "h100-8", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const auto all = json::parse(r.out);
  ASSERT_EQ(all.size(), 18u);  // nine claims, twice
  for (const auto& f : all) {
    EXPECT_FALSE(f["figures"].empty()) << f["claim"];
    EXPECT_FALSE(f["rule"].get<std::string>().empty());
    EXPECT_FALSE(f["flips"].empty()) << f["claim"];
    EXPECT_NE(f["verdict"], "not known") << f;
    for (const auto& x : f["figures"]) EXPECT_TRUE(x["value"].is_number()) << x;
  }
  const auto text = run_limen({"findings"});
  EXPECT_THAT(text.out, HasSubstr("DRAM wins on energy and cost"));
  EXPECT_EQ(run_limen({"findings", "--machine", "no-such"}).code, 2);
}

// A verdict follows from the machine: with slow links synchronization is another matter.
TEST(FindingsCommand, VerdictsAreComputed) {
  const std::string file = testing::TempDir() + "limen_slow_links.toml";
  std::ofstream(file)
      << "schema = 1\nname = \"slow\"\nbase = \"h100-8\"\n[memory]\nbandwidth = { value = "
         "\"200 TB/s\", evidence = \"hypothetical\", source = \"test\" }\n";
  auto verdict = [](const std::string& machine) {
    for (const auto& f : json::parse(run_limen({"findings", "--machine", machine, "--json"}).out)) {
      if (f["claim"].get<std::string>().rfind("bandwidth is king", 0) == 0 &&
          f["hardware"].get<std::string>().rfind("ideal", 0) != 0)
        return f["verdict"].get<std::string>();
    }
    return std::string();
  };
  EXPECT_EQ(verdict(file), "fails");
  EXPECT_NE(verdict("h100-8"), "fails");
}

TEST(PredictCommand, EnergyIsAColumnWhenAskedAndAlwaysInJson) {
  const std::vector<std::string> base = {
      "predict", "--model", "llama-3.1-70b", "--machine", "xpu-hbm4", "--weights", "fp8"};
  auto with = [&](const char* more) {
    auto a = base;
    a.emplace_back(more);
    return run_limen(a);
  };
  EXPECT_THAT(with("--energy").out, HasSubstr("price of"));
  EXPECT_EQ(run_limen(base).out.find("price of"), std::string::npos);
  const auto c = json::parse(with("--json").out)[0];
  EXPECT_GT(c["running"]["joules_per_token"].get<double>(), 0);
  EXPECT_EQ(c["running"]["evidence"], "hypothetical");
  const auto known = json::parse(run_limen({"predict", "--model", "llama-3.1-8b", "--machine",
                                            "rtx-4080", "--weights", "int4", "--json"})
                                     .out)[0];
  EXPECT_FALSE(known["compute_known"].get<bool>());
  EXPECT_TRUE(known["seconds_per_limit"]["compute"].is_null());
  EXPECT_TRUE(known["running"]["power_watts"].is_null());
}

TEST(ExportCommand, WritesMachinesForOtherTools) {
  auto of = [](const char* format) { return run_limen({"export", "--card-as", format, "h100-8"}); };
  const auto genz = json::parse(of("genz").out)["h100-8"];
  EXPECT_EQ(genz["Flops"], 989);
  EXPECT_EQ(genz["Memory_BW"], 3350);
  EXPECT_EQ(genz["ICN"], 450);
  EXPECT_DOUBLE_EQ(genz["ICN_LL"].get<double>(), 15.6);
  const auto compass = json::parse(of("llmcompass").out);
  EXPECT_EQ(compass["device_count"], 8);
  const auto& io = compass["device"]["io"];
  EXPECT_DOUBLE_EQ(io["memory_channel_active_count"].get<double>() *
                       io["pin_count_per_channel"].get<double>() *
                       io["bandwidth_per_pin_bit"].get<double>() / 8,
                   3.35e12);
  const auto yaml = of("aiconfigurator");
  EXPECT_THAT(yaml.out, HasSubstr("\n  mem_bw: 3350000000000  # B/s\n"));
  EXPECT_THAT(yaml.out, HasSubstr("\nnode:\n  num_gpus_per_node: 8"));
  EXPECT_THAT(yaml.err, HasSubstr("left out, the card does not say it: node.inter_node_bw"));
  EXPECT_EQ(of("genzz").code, 2);
  EXPECT_THAT(run_limen({"export", "--card-as", "genz", "no-such"}).err,
              HasSubstr("export: unknown machine 'no-such'"));
}

TEST(CardsCommand, ShowsACardInFullAndTheNetworks) {
  const auto card = json::parse(run_limen({"cards", "v100-sxm2-32gb", "--json"}).out)[0];
  EXPECT_EQ(card["parameters"]["memory.capacity"]["evidence"], "datasheet, unverified");
  EXPECT_THAT(run_limen({"cards", "xpu-hbm4e"}).out, HasSubstr("24.6 TB/s [hypothetical] assumed"));
  EXPECT_GE(json::parse(run_limen({"cards", "--networks", "--json"}).out).size(), 10u);
  EXPECT_EQ(run_limen({"predict", "--model", "llama-3.1-8b", "--machine", "h100-8", "--network",
                       "nvlnk-4"})
                .code,
            2);
}

TEST(CardsCommand, ListsEverythingThatIsBuiltInAndChecksFiles) {
  const auto machines = run_limen({"cards", "--json"}),
             models = run_limen({"cards", "--models", "--json"});
  ASSERT_EQ(machines.code + models.code, 0);
  EXPECT_GE(json::parse(machines.out).size(), 80u);
  EXPECT_GE(json::parse(models.out).size(), 36u);
  // All are checked, and what is wrong is said of each.
  const auto some = run_limen({"cards", "no-such", "h100-8", "llama-3.1-8b", "--json"});
  EXPECT_EQ(some.code, 2);
  EXPECT_EQ(json::parse(some.out).size(), 1u);
  EXPECT_EQ(some.lines_of_error(), 2);
  EXPECT_THAT(some.err, HasSubstr("cards: unknown machine 'no-such'"));
  EXPECT_THAT(some.err, HasSubstr("'llama-3.1-8b' is a model; see limen cards --models"));
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
  const auto none = run_limen({"cards", "--models", "no-such-model"});
  EXPECT_EQ(none.code, 2);
  EXPECT_EQ(none.out, "");
  EXPECT_THAT(none.err, HasSubstr("cards --models: unknown model"));
}

// Small outputs stay in the buffer until the end, large ones fail in the middle.
TEST(ModelCommands, AFullDiskIsAnErrorOfOneLine) {
  for (const char* command : {"cards tpu-v4", "cards", "cards h100-8 --json", "--help"}) {
    const std::string err = testing::TempDir() + "full" + std::to_string(getpid());
    const int status = std::system(
        (std::string(LIMEN_EXECUTABLE) + " " + command + " >/dev/full 2>" + err).c_str());
    std::ifstream in(err);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    std::filesystem::remove(err);
    EXPECT_EQ(WEXITSTATUS(status), 1) << command;
    EXPECT_EQ(text, "limen: stdout: No space left on device\n") << command;
  }
}

}  // namespace
}  // namespace limen::tests
